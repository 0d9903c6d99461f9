import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseManifest } from '../../../src/core/traffic/manifest.ts';
import { formatHeadLine, formatSentLine } from '../../../src/core/traffic/manifest-lines.ts';

const HASH = 'h'.repeat(43);
const RUNNING = { runId: 'r', startMs: 0, endMs: 0, count: undefined };

test('formatHeadLine() has no room for a run id of hundreds of letters', () => {
  expect(() => formatHeadLine({ ...RUNNING, runId: 'r'.repeat(500) })).toThrow(RangeError);
});

test('a manifest of a run that was killed is refused', () => {
  const text = formatHeadLine(RUNNING) + formatSentLine({ exposureId: 'x', contentHash: HASH, outcome: 'ok' });
  expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'GBX_USAGE' }));
});

test('formatHeadLine() has the same length whatever it says, and parseManifest() reads the whole', () => {
  const outcome = fc.constantFrom('ok' as const, 'refused' as const, 'unknown' as const);
  const sent = fc.array(fc.record({ exposureId: fc.string({ minLength: 1 }), contentHash: fc.constant(HASH), outcome }));
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.nat({ max: 2 ** 42 }), sent, (runId, startMs, list) => {
      const head = { runId, startMs, endMs: startMs + 1, count: list.length };
      const line = formatHeadLine(head);
      expect(Buffer.byteLength(line)).toBe(Buffer.byteLength(formatHeadLine(RUNNING)));
      const manifest = parseManifest(line + list.map(formatSentLine).join(''));
      expect(manifest.sent).toEqual(list);
      expect(manifest.head).toMatchObject({ runId, startMs, count: list.length });
    }),
  );
});
