import { expect, test } from 'vitest';
import { formatBundle } from '../../../src/core/doctor/bundle.ts';
import type { CheckResult } from '../../../src/core/doctor/check.ts';
import { formatResult, formatSummary, toDocument } from '../../../src/core/doctor/report.ts';
import { readConfig } from '../../../src/core/parse-config.ts';

const plain = (_: string, text: string): string => text;
const good: CheckResult = { id: 'kafka.dead_letter_topic', area: 'kafka', state: 'ok', found: 'there', todo: 'nothing', tookMs: 3 };
const bad: CheckResult = { id: 'kafka.tcp', area: 'kafka', state: 'fail', found: 'closed', todo: 'open it', tookMs: 4 };

test('formatResult() begins an area with its title, and gives the next step of what is not right', () => {
  expect(formatResult(good, undefined, plain)).toBe('Kafka\n  ✓ dead letter topic  there\n');
  expect(formatResult(bad, good, plain)).toBe(`  ✗ tcp                closed\n${' '.repeat(23)}try: open it\n`);
  expect(formatResult(bad, { ...good, area: 'config' }, plain)).toMatch(/^\nKafka\n/u);
});

test('formatResult() has a glyph for each state, so that colour alone says nothing', () => {
  const glyphs = (['ok', 'warn', 'fail', 'skipped', 'unknown'] as const).map((state) => formatResult({ ...good, state }, good, plain)[2]);
  expect(new Set(glyphs).size).toBe(5);
  expect(formatResult(bad, good, (state, text) => `<${state}>${text}`)).toContain('<fail>✗ tcp');
});

test('formatSummary() and toDocument() count by state', () => {
  expect(formatSummary([good, bad])).toBe('\n2 checks: 1 ok, 1 failed\n');
  expect(toDocument([good, bad], { healthy: false, version: '1', nowMs: 0 })).toMatchObject({
    schema: 'gbx.doctor/1',
    healthy: false,
    at: '1970-01-01T00:00:00.000Z',
    counts: { ok: 1, warn: 0, fail: 1, skipped: 0, unknown: 0 },
    checks: [
      { id: 'kafka.dead_letter_topic', todo: 'nothing' },
      { id: 'kafka.tcp', tookMs: 4 },
    ],
  });
});

test('formatBundle() blots out secrets wherever they come from, those that JSON writes otherwise too', async () => {
  const secret = 'can"ary\\1';
  const read = readConfig({ flags: {}, env: { DB_PASSWORD: secret }, dotEnv: undefined, readSecretFile: () => '' });
  const document = toDocument([{ ...bad, found: `refused ${secret}` }], { healthy: false, version: '1', nowMs: 0 });
  const text = await formatBundle({
    ...read,
    runtime: { version: '1' },
    document,
    warehouse: () => ({ migrations: () => Promise.reject(new Error('not asked')) }),
    readMetrics: async ({ port }) => `gbx_info{password="${secret}"} ${port}`,
  });
  expect(text).not.toContain(secret);
  expect(text).not.toContain('can\\');
  expect(JSON.parse(text)).toMatchObject({
    schema: 'gbx.bundle/1',
    migrations: 'not read: the warehouse was not asked',
    doctor: { checks: [{ found: 'refused [secret]' }] },
    metrics: { consume: expect.stringContaining('8001'), serve: expect.stringContaining('8000') },
  });
});
