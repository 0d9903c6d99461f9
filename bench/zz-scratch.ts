import { openStack } from './stack.ts';
import { openTable } from './table.ts';
import { createTopics, fillTopic } from './topic.ts';
import { drainOnce } from './consume.ts';
import { writeFileSync } from 'node:fs';
await using stack = await openStack();
await using table = await openTable(stack.postgres);
const set = { records: 200_000, endMs: Date.now() };
await createTopics(stack.brokers, { exposures: 6, 'exposures.dlq': 1 });
await fillTopic(stack.brokers, 'exposures', set);
await table.setKey(false);
// memory watcher preload
writeFileSync(stack.dir + '/mem.mjs', `
let max = {}; const t = setInterval(() => { const m = process.memoryUsage(); for (const k in m) max[k] = Math.max(max[k] ?? 0, m[k]); if (m.rss >= max.rss) max.atRss = { ...m }; }, 20); t.unref();
process.on('exit', () => { const mb = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, typeof v === 'number' ? Math.round(v / 1e6) : mb(v)])); require('node:fs').writeFileSync('${stack.dir}/mem.json', JSON.stringify(mb(max))); });
`.replace("require('node:fs')", 'fs').replace('\n', "\nimport fs from 'node:fs';\n"));
const { readFileSync } = await import('node:fs');
const variants: [string, string[], Record<string, string>][] = [
  ['default', [], {}],
  ['bytes 4MB', [], { GBX_BATCH_BYTES_MAX: '4000000' }],
  ['bytes 2MB', [], { GBX_BATCH_BYTES_MAX: '2000000' }],
  ['arena 1', [], { MALLOC_ARENA_MAX: '1' }],
  ['trim', [], { MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '60000' }],
  ['old 100', ['--max-old-space-size=100'], {}],
  ['semi 4', ['--max-semi-space-size=4'], {}],
];
for (const [name, nodeFlags, env] of variants) {
  await table.truncate();
  const d = await drainOnce({ stack, topic: 'exposures', records: set.records, dialect: 'postgres', nodeFlags: [...nodeFlags, '--import', stack.dir + '/mem.mjs'], env });
  console.log(name.padEnd(12), Math.round(d.recordsPerSecond), d.cpuSecondsPer100k.toFixed(2), Math.round(d.rssPeakMb), d.batches, readFileSync(stack.dir + '/mem.json', 'utf8'));
}
