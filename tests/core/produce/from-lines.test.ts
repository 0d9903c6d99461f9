import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { invalidLine, type Line, parseLine, takeLines } from '../../../src/core/produce/from-lines.ts';

const LIVE = new AbortController().signal;
const NOW_MS = Date.UTC(2026, 0, 31);
const OPTIONS = { runId: 'run', nowMs: NOW_MS };
const GOOD = '{"ds_user_id":"u","experiment_id":"e","variation_id":"v"}';

describe('parseLine()', () => {
  test.each([
    ['user,experiment,variation', 'is not JSON'],
    ['{"ds_user_id":"u"', 'is not JSON'],
    ['[]', 'must be a JSON object'],
    ['{"ds_user_id":"secret-user"}', 'experiment_id is required, variation_id is required'],
    [GOOD.replace('}', ',"timestamp":"tomorrow"}'), 'timestamp must be a time'],
    [undefined, 'longer'],
  ])('says what is wrong with %j, and never what it holds', (text, reason) => {
    const parsed = parseLine({ number: 7, text }, OPTIONS);
    expect(parsed).toMatchObject({ kind: 'invalid', number: 7, reason: expect.stringContaining(reason) });
    expect(JSON.stringify(parsed)).not.toContain('secret');
    if (parsed.kind === 'invalid') expect(invalidLine(parsed)).toMatchObject({ code: 'GBX_INPUT_INVALID', exitCode: 65 });
  });

  test('leaves empty lines out', () => {
    expect(parseLine({ number: 1, text: ' \r' }, OPTIONS)).toEqual({ kind: 'empty' });
  });

  test('gives an exposure without id and time an id of its line and run, the same each time', () => {
    const id = (number: number, runId = 'run'): unknown => {
      const parsed = parseLine({ number, text: GOOD }, { runId, nowMs: NOW_MS });
      return parsed.kind === 'exposure' ? parsed.outgoing.exposure.exposureId : parsed;
    };
    expect(id(3)).toBe(id(3));
    expect(new Set([id(3), id(4), id(3, 'other')]).size).toBe(3);
  });

  test('reads what serve reads, and writes what serve writes', () => {
    const text = GOOD.replace('}', ',"exposure_id":"x","timestamp":"2026-01-30T10:00:00+02:00","attributes":{"a":[1]}}');
    expect(parseLine({ number: 1, text }, OPTIONS)).toMatchObject({
      kind: 'exposure',
      outgoing: {
        kind: 'plain',
        exposure: { exposureId: 'x', source: 'http' },
        value:
          '{"exposure_id":"x","ds_user_id":"u","experiment_id":"e","variation_id":"v","timestamp":"2026-01-30T08:00:00.000000Z","attributes":{"a":[1]},"source":"http"}',
      },
    });
  });
});

describe('takeLines()', () => {
  function setUp(
    chunks: readonly (readonly string[])[],
    onInvalid = (line: { number: number; reason: string }) => void line,
    signal = LIVE,
  ) {
    let number = 0;
    const waiting = chunks.map((texts): Line[] => texts.map((text) => ({ number: ++number, text })));
    return takeLines({ next: async () => waiting.shift(), parse: (line) => parseLine(line, OPTIONS), onInvalid, signal });
  }
  const limits = { recordsMax: 2, bytesMax: 10_000 };

  test('gives all that stands before a line at fault, then throws, and goes on throwing', async () => {
    const take = setUp([[GOOD, GOOD, GOOD, 'broken', GOOD], [GOOD]], (line) => {
      throw invalidLine(line);
    });
    expect(await take(limits)).toHaveLength(2);
    expect(await take(limits)).toHaveLength(1);
    for (let i = 0; i < 2; i++) await expect(Promise.resolve(take(limits))).rejects.toMatchObject({ message: 'line 4 is not JSON' });
  });

  test('leaves lines at fault out where that is wanted, and tells of each', async () => {
    const told: number[] = [];
    const take = setUp([['x', 'y'], [], ['', GOOD, 'z']], ({ number }) => void told.push(number));
    expect(await take(limits)).toHaveLength(1);
    expect(await take(limits)).toHaveLength(0);
    expect(told).toEqual([1, 2, 5]);
  });

  test('throws where there is no exposure at all: nothing sent is no success', async () => {
    const nothing = { code: 'GBX_INPUT_INVALID', exitCode: 65, message: expect.stringContaining('no exposure') };
    await expect(Promise.resolve(setUp([])(limits))).rejects.toMatchObject(nothing);
    await expect(Promise.resolve(setUp([['', 'x'], [' ']])(limits))).rejects.toMatchObject(nothing);
    const take = setUp([[GOOD]]);
    expect(await take(limits)).toHaveLength(1);
    expect(await take(limits)).toHaveLength(0);
    expect(await setUp([], undefined, AbortSignal.abort())(limits)).toHaveLength(0);
  });

  test('takes what is there rather than wait for more, and one exposure however large', async () => {
    const take = setUp([[GOOD], [GOOD, GOOD]]);
    expect(await take({ recordsMax: 100, bytesMax: 1 })).toHaveLength(1);
    expect(await take({ recordsMax: 100, bytesMax: 1 })).toHaveLength(1);
    expect(await take({ recordsMax: 100, bytesMax: 10_000 })).toHaveLength(1);
  });

  test('passes on what reading throws', async () => {
    const failure = new GbxError('GBX_USAGE', 'Cannot read it');
    const take = takeLines({
      ...{ next: () => Promise.reject(failure), onInvalid: () => undefined, signal: LIVE },
      parse: (line) => parseLine(line, OPTIONS),
    });
    await expect(Promise.resolve(take(limits))).rejects.toBe(failure);
  });
});
