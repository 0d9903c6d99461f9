import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createManifestParser, formatManifest, parseManifest } from '../../../src/core/traffic/manifest.ts';

const HASH = 'A'.repeat(43);
const SENT = { exposureId: 'x', contentHash: HASH, outcome: 'ok' } as const;
const GOOD = formatManifest({ head: { runId: 'r', startMs: 1, count: 2 }, sent: [SENT, { ...SENT, exposureId: 'y' }] });

describe('parseManifest() refuses', () => {
  test.each([
    ['nothing', '', 'empty'],
    ['text', 'hello', 'line 1'],
    ['another schema', GOOD.replace('gbx.manifest/1', 'gbx.manifest/2'), 'line 1'],
    ['a line that is no JSON', GOOD.replace('{"exposure_id":"y"', '{'), 'line 3'],
    ['an outcome that it does not know', GOOD.replace('"ok"', '"lost"'), 'line 2'],
    ['a content that is none', GOOD.replace(HASH, 'h'), 'line 2'],
    ['one whose run has not ended', GOOD.replace('"count":2', '"count":-1'), 'has not ended'],
    ['one that was cut in a line', GOOD.slice(0, -10), 'line 3'],
    ['one that was cut short', GOOD.slice(0, GOOD.lastIndexOf('{')), '1 exposures of 2'],
    ['one that was added to', `${GOOD}${GOOD.split('\n')[1]}\n`, '3 exposures of 2'],
  ])('%s, and says where', (_, text, where) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining(where) }));
  });
});

test('parseManifest() reads what formatManifest() wrote', () => {
  const sent = fc.record({
    exposureId: fc.string({ minLength: 1 }),
    contentHash: fc.constant(HASH),
    outcome: fc.constantFrom('ok', 'refused', 'unknown'),
  });
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.array(sent), (runId, startMs, list) => {
      const manifest = { head: { runId, startMs, count: list.length }, sent: list };
      expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
    }),
  );
});

test('createManifestParser() tells the head before the first exposure, and a time where it ends if there is one', () => {
  const parser = createManifestParser();
  expect(parser.head()).toBeUndefined();
  parser.take('{"schema":"gbx.manifest/1","run_id":"r","start_ms":1,"end_ms":9,"count":0}     ');
  expect([parser.head(), parser.end()]).toEqual(Array(2).fill({ runId: 'r', startMs: 1, endMs: 9, count: 0 }));
});
