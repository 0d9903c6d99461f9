import { openStack } from './stack.ts';
import { openTable } from './table.ts';
import { createTopics, fillTopic } from './topic.ts';
import { drainOnce } from './consume.ts';
import { writeFileSync } from 'node:fs';
await using stack = await openStack();
await using table = await openTable(stack.postgres);
const set = { records: 300_000, endMs: Date.now() };
await createTopics(stack.brokers, { exposures: 6, 'exposures.dlq': 1 });
await fillTopic(stack.brokers, 'exposures', set);
await table.setKey(false);
// memory watcher preload
writeFileSync(stack.dir + '/mem.mjs', `
let max = {}; const t = setInterval(() => { const m = process.memoryUsage(); for (const k in m) max[k] = Math.max(max[k] ?? 0, m[k]); if (m.rss >= max.rss) max.atRss = { ...m }; }, 20); t.unref();
process.on('exit', () => { const mb = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, typeof v === 'number' ? Math.round(v / 1e6) : mb(v)])); require('node:fs').writeFileSync('${stack.dir}/mem.json', JSON.stringify(mb(max))); });
`.replace("require('node:fs')", 'fs').replace('\n', "\nimport fs from 'node:fs';\n"));
const { readFileSync } = await import('node:fs');
import { cpSync } from 'node:fs';
const dist = stack.build.dist;
cpSync(dist, stack.dir + '/orig', { recursive: true });
type Patch = [string, string | RegExp, string];
function patch(patches: Patch[]) {
  cpSync(stack.dir + '/orig', dist, { recursive: true });
  for (const [file, from, to] of patches) { const f = `${dist}/${file}`; const t = readFileSync(f, 'utf8'); const n = t.replace(from, to); if (n === t) throw new Error('no match ' + file + ' ' + from); writeFileSync(f, n); }
}
const fetch2: Patch[] = [['kafka/group-member.js', 'fetchBytesMax = 4_000_000', 'fetchBytesMax = 2_000_000'], ['kafka/group-member.js', 'partitionBytesMax = 1_000_000', 'partitionBytesMax = 500_000']];
const buf: Patch[] = [['commands/consume.js', 'bufferBytesMax: batchBytesMax', 'bufferBytesMax: batchBytesMax / 4']];
const over: Patch[] = [['core/load/batch.js', 'RECORD_OVERHEAD_BYTES = 200', 'RECORD_OVERHEAD_BYTES = 600']];
const named: Patch[] = [['warehouse/dialect-redshift.js', '{ values: valuesOf(chunk) }', "{ values: valuesOf(chunk), name: chunk.length === ROWS_MAX ? 'gbx_stage' : undefined }"],
  ['warehouse/dialect-redshift.js', 'const ROWS_MAX = 2_000', 'const ROWS_MAX = 1_000'],
  ['warehouse/session.js', 'client.query({ text, values', 'client.query({ text, name: statement.name, values']];

const small: Patch[] = [...fetch2, ['commands/consume.js', 'bufferBytesMax: batchBytesMax', 'bufferBytesMax: Math.min(batchBytesMax, 2_000_000)']];
const grow = (n: number): Patch[] => [['cli.js', /^/, `import v8 from 'node:v8'; v8.setFlagsFromString('--heap-growing-percent=${n}');\n`]];
const copyValue: Patch[] = [['core/load/batch.js', 'batch.records.push(record);', "batch.records.push({ ...record, key: record.key && Buffer.from(record.key), value: record.value && Buffer.from(record.value) });"]];
void over; void buf; void named;
void copyValue;
const variants: [string, 'postgres' | 'redshift', Patch[], Record<string, string>?][] = [
  ['4MB', 'postgres', [], { GBX_BATCH_BYTES_MAX: '4000000' }],
  ['4MB small', 'postgres', small, { GBX_BATCH_BYTES_MAX: '4000000' }],
  ['8MB small', 'postgres', small],
  ['8MB small g100', 'postgres', [...small, ...grow(100)]],
  ['4MB small g100', 'postgres', [...small, ...grow(100)], { GBX_BATCH_BYTES_MAX: '4000000' }],
  ['rs 8 small named', 'redshift', [...small, ...named]],
  ['rs 4 small named', 'redshift', [...small, ...named], { GBX_BATCH_BYTES_MAX: '4000000' }],
  ['rs 4 small', 'redshift', small, { GBX_BATCH_BYTES_MAX: '4000000' }],
];
for (const [name, dialect, patches, env = {}] of variants) {
  patch(patches);
  await table.truncate();
  const d = await drainOnce({ stack, topic: 'exposures', records: set.records, dialect, env, nodeFlags: ['--import', stack.dir + '/mem.mjs'] });
  await table.assertLoaded(set);
  console.log(name.padEnd(16), Math.round(d.recordsPerSecond), d.cpuSecondsPer100k.toFixed(2), Math.round(d.rssPeakMb), d.batches, JSON.stringify(d.stepShares, (k, v) => typeof v === 'number' ? Math.round(v * 100) : v), readFileSync(stack.dir + '/mem.json', 'utf8').replace(/,"atRss.*/, ''));
}
