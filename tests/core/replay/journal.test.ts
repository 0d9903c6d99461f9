import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatJournalLine, type JournalEntry, NOTHING_DONE, progressOf, readJournal } from '../../../src/core/replay/journal.ts';

const PLAN = { id: 'p', hash: 'h' };
const started = { kind: 'started', plan: 'h', atMs: 1, by: 'host' } as const;
const sent = (from: number, to: number, over = {}): JournalEntry => ({
  kind: 'sent',
  from,
  to,
  gone: [],
  tooLarge: [],
  loaded: 0,
  ...over,
});
const ENTRIES: readonly JournalEntry[] = [
  started,
  sent(0, 5),
  { kind: 'canary', upTo: 5 },
  sent(5, 9, { gone: [6], loaded: 1 }),
  { kind: 'stopped', why: 'ß', atMs: 2 },
];
const TEXT = Buffer.from(ENTRIES.map(formatJournalLine).join(''));

describe('readJournal()', () => {
  test('takes whole lines of a file that was cut anywhere', () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length), (cut) => {
        const { entries, bytes, isTorn } = readJournal(TEXT.subarray(0, cut));
        expect(entries).toEqual(ENTRIES.slice(0, entries.length));
        expect(bytes).toBe(Buffer.byteLength(ENTRIES.slice(0, entries.length).map(formatJournalLine).join('')));
        expect(isTorn).toBe(bytes < cut);
      }),
    );
  });

  test('takes nothing from the first byte on that is not as it was written', () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(TEXT);
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
        const { entries, bytes } = readJournal(damaged);
        expect(bytes).toBeLessThanOrEqual(at);
        expect(entries).toEqual(ENTRIES.slice(0, entries.length));
      }),
    );
  });
});

describe('progressOf()', () => {
  test('refuses the journal of another plan, and lines that leave a gap', () => {
    expect(() => progressOf(ENTRIES, { id: 'p', hash: 'other' })).toThrow('another plan');
    expect(() => progressOf([started, sent(0, 5), sent(6, 9)], PLAN)).toThrow('do not follow');
    expect(() => progressOf([sent(0, 5)], PLAN)).toThrow('another plan');
  });

  test('counts what is done, and forgets a stop once it goes on', () => {
    expect(progressOf([], PLAN)).toEqual(NOTHING_DONE);
    expect(progressOf(ENTRIES, PLAN)).toMatchObject({ next: 9, sent: 7, loadedBefore: 1, gone: [6], canaryPassed: true, stopped: 'ß' });
    expect(progressOf([...ENTRIES, { ...started, atMs: 3 }], PLAN)).toMatchObject({ next: 9, stopped: undefined, startedAtMs: 1 });
  });
});
