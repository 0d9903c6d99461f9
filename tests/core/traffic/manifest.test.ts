import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatManifest, parseManifest } from '../../../src/core/traffic/manifest.ts';

const SENT = { exposureId: 'x', contentHash: 'h', outcome: 'ok' } as const;
const GOOD = formatManifest({ head: { runId: 'r', startMs: 1, count: 2 }, sent: [SENT, { ...SENT, exposureId: 'y' }] });

describe('parseManifest() refuses', () => {
  test.each([
    ['nothing', '', 'line 1'],
    ['text', 'hello', 'line 1'],
    ['another schema', GOOD.replace('gbx.manifest/1', 'gbx.manifest/2'), 'line 1'],
    ['a line that is no JSON', GOOD.replace('{"exposure_id":"y"', '{'), 'line 3'],
    ['an outcome that it does not know', GOOD.replace('"ok"', '"lost"'), 'line 2'],
    ['one that was cut short', GOOD.slice(0, GOOD.lastIndexOf('{')), '1 exposures of 2'],
    ['one that was added to', `${GOOD}${GOOD.split('\n')[1]}\n`, '3 exposures of 2'],
  ])('%s, and says where', (_, text, where) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining(where) }));
  });
});

test('parseManifest() reads what formatManifest() wrote', () => {
  const sent = fc.record({ exposureId: fc.string(), contentHash: fc.string(), outcome: fc.constantFrom('ok', 'refused', 'unknown') });
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.array(sent), (runId, startMs, list) => {
      const manifest = { head: { runId, startMs, count: list.length }, sent: list };
      expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
    }),
  );
});
