import { describe, expect, test } from 'vitest';
import { type ProduceOrder, readOptions } from '../../../src/core/produce/read-options.ts';

const read = (options: Readonly<Record<string, unknown>>): ProduceOrder => readOptions(options, { runId: 'minted' });

describe('readOptions() refuses, and names the flag', () => {
  test.each([
    [{ rate: '0' }, '--rate'],
    [{ rate: '5/s', stage: '1/s:1s' }, '--rate'],
    [{ stage: 'x' }, '--stage'],
    [{ burst: '5:1s', rate: 'max' }, '--burst'],
    [{ duration: 0 }, '--duration'],
    [{ count: '-1' }, '--count'],
    [{ threshold: 'p99' }, '--threshold'],
    [{ duplicates: '60%', late: '50%' }, '--late'],
    [{ srm: 'nobody:0=0.5' }, '--srm'],
    [{ experiments: 'x' }, '--experiments'],
    [{ file: 'f', seed: 's' }, '--seed'],
    [{ file: 'f', malformed: '1%' }, '--malformed'],
    [{ file: 'f', duplicates: '1%' }, '--duplicates'],
    [{ file: 'f', experiments: 'e:1/1' }, '--experiments'],
    [{ file: 'f', users: 10 }, '--users'],
    [{ file: 'f', zipf: 0 }, '--zipf'],
    [{ skipInvalid: true }, '--skip-invalid'],
    [{ users: 2_000_000 }, '--users'],
    [{ url: 'http://127.0.0.1', batch: 1_001 }, '--batch'],
    [{ batch: 10_001 }, '--batch'],
    [{ inFlight: 1_001 }, '--in-flight'],
    [{ runId: 'a b' }, '--run-id'],
    [{ runId: '' }, '--run-id'],
  ])('%j', (options, flag) => {
    expect(() => read(options)).toThrow(expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining(flag) }));
  });
});

describe('readOptions()', () => {
  test('means 100/s for 30 s where nothing is said, with a tenth of it as warm-up', () => {
    expect(read({})).toMatchObject({
      stages: [{ fromPerSecond: 100, toPerSecond: 100, durationMs: 30_000 }],
      count: Number.POSITIVE_INFINITY,
      warmupMs: 3_000,
      runId: 'minted',
      seed: 'minted',
    });
  });

  test('has no end in time where something else ends the run', () => {
    for (const options of [{ count: '10' }, { stage: '5/s:10m' }, { file: '-' }])
      expect(read(options).durationMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('takes a tenth of what is known of the length as warm-up, and nothing of what nobody knows', () => {
    expect(read({ rate: '100/s', count: '500' }).warmupMs).toBe(500);
    expect(read({ stage: '100/s:2s,10/s:2s' }).warmupMs).toBe(400);
    expect(read({ rate: 'max', count: '500' }).warmupMs).toBe(0);
    expect(read({ rate: 'max', duration: 20_000 }).warmupMs).toBe(2_000);
    expect(read({ warmup: 7 }).warmupMs).toBe(7);
  });

  test('sends a file as fast as possible, unless told', () => {
    expect(read({ file: 'f' }).stages).toEqual([]);
    expect(read({ file: 'f', rate: '5/s' }).stages).toHaveLength(1);
  });

  test('echoes all that shapes the load, typed or not, so that it can be repeated', () => {
    expect(read({ rate: '5/s', url: 'http://127.0.0.1', malformed: '1%' }).asked).toEqual({
      rate: '5/s',
      url: 'http://127.0.0.1',
      malformed: '1%',
      users: 10_000,
      zipf: 1.1,
      batch: 200,
      inFlight: 8,
      retryForMs: 30_000,
    });
    const typed = { users: 7, zipf: 0, batch: 9, inFlight: 2, retryFor: 5_000, duration: 1_000 };
    expect(read(typed).asked).toEqual({ users: 7, zipf: 0, batch: 9, inFlight: 2, retryForMs: 5_000, durationMs: 1_000 });
    expect(read({ file: 'f' }).asked).toEqual({ file: 'f', batch: 3_000, inFlight: 4, retryForMs: 30_000 });
  });

  test('knows no weights of the experiments of a file', () => {
    expect(read({ file: 'f' }).experiments).toEqual([]);
  });

  test('keeps the weights that were asked for beside those that --srm makes', () => {
    const { experiments, sentExperiments } = read({ experiments: 'e:1/1', srm: 'e:0=0.75' });
    expect(experiments[0]?.variations.map(({ weight }) => weight)).toEqual([1, 1]);
    expect(sentExperiments[0]?.variations.map(({ weight }) => weight)).toEqual([0.75, 0.25]);
  });
});
