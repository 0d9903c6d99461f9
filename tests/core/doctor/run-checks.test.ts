import { describe, expect, test } from 'vitest';
import { type Check, type CheckResult, type Finding, fail, ok, unknown, unused, warn } from '../../../src/core/doctor/check.ts';
import { isBad, runChecks, selectArea } from '../../../src/core/doctor/run-checks.ts';
import { GbxError } from '../../../src/core/errors.ts';
import { manualClock } from '../../support/clock.ts';

function check(id: string, ask: Finding | Check['ask'], needs: readonly string[] = []): Check {
  const area = id.startsWith('kafka') ? 'kafka' : 'runtime';
  return { id, area, needs, ask: typeof ask === 'function' ? ask : async () => ask };
}

function start(checks: readonly Check[]) {
  const clock = manualClock();
  const abort = new AbortController();
  const told: string[] = [];
  const onResult = ({ id }: CheckResult): void => void told.push(id);
  const results = runChecks(checks, { clock, timeoutMs: 5_000, signal: abort.signal, onResult });
  return { clock, abort, told, results };
}

const never = (): Promise<Finding> => new Promise(() => undefined);

describe('runChecks()', () => {
  test('refuses a check that needs one which does not stand before it', async () => {
    await expect(start([check('a', ok(''), ['b']), check('b', ok(''))]).results).rejects.toThrow('a needs b');
  });

  test('skips what stands on a failed check, naming the one at the root', async () => {
    const { results } = start([check('a', fail('no', 'do')), check('b', ok(''), ['a']), check('c', ok(''), ['b'])]);
    expect(await results).toMatchObject([
      { id: 'a', state: 'fail' },
      { id: 'b', state: 'skipped', found: 'not asked, as a failed' },
      { id: 'c', state: 'skipped', found: 'not asked, as a failed' },
    ]);
  });

  test('asks what stands on a warning, and not what stands on something unknown or unused', async () => {
    const checks = [
      check('w', warn('', '')),
      check('u', unknown('')),
      check('n', unused('')),
      ...['w', 'u', 'n'].map((id) => check(`on-${id}`, ok('asked'), [id])),
    ];
    expect((await start(checks).results).slice(3).map(({ found }) => found)).toEqual([
      'asked',
      'not asked, as u is unknown',
      'not asked, as n is not used',
    ]);
  });

  test('gives up after the limit and ends what is under way', async () => {
    let ended = false;
    const slow = check('slow', (signal) => {
      signal.addEventListener('abort', () => {
        ended = true;
      });
      return never();
    });
    const { clock, results } = start([slow, check('quick', ok(''))]);
    await clock.advance(0);
    await clock.advance(5_000);
    expect(await results).toMatchObject([{ state: 'fail', found: 'no answer within 5 s', tookMs: 5_000 }, { state: 'ok' }]);
    expect(ended).toBe(true);
  });

  test('tells results in the order of the list, each as early as that allows', async () => {
    const clock = { release: (): void => undefined };
    const first = check('first', () => new Promise((resolve) => (clock.release = () => resolve(ok('')))));
    const running = start([check('zeroth', ok('')), first, check('second', ok(''))]);
    await running.clock.advance(1);
    expect(running.told).toEqual(['zeroth']);
    clock.release();
    await running.results;
    expect(running.told).toEqual(['zeroth', 'first', 'second']);
  });

  test('asks side by side what does not stand on each other', async () => {
    let asked = 0;
    const ask = (): Promise<Finding> => {
      asked += 1;
      return never();
    };
    const { clock, results } = start([check('a', ask), check('b', ask), check('c', ask)]);
    await clock.advance(1);
    expect(asked).toBe(3);
    await clock.advance(5_000);
    await results;
  });

  test('takes a GbxError for a failure with its next step, and anything else for a bug of gbx', async () => {
    const refused = check('refused', () => Promise.reject(new GbxError('GBX_TOPIC_MISSING', 'no topic')));
    const broken = check('broken', () => Promise.reject(new TypeError('x is not a function')));
    expect(await start([refused, broken]).results).toMatchObject([
      { state: 'fail', found: 'no topic [GBX_TOPIC_MISSING]', todo: 'create it: gbx migrate up' },
      { state: 'unknown', found: 'gbx could not find out: x is not a function' },
    ]);
  });

  test('ends at once when it is told to stop', async () => {
    const { abort, results } = start([check('a', never), check('b', ok(''), ['a'])]);
    abort.abort();
    expect(await results).toMatchObject([{ state: 'unknown', found: 'interrupted' }, { state: 'skipped' }]);
  });
});

test('selectArea() takes the checks of an area and all that they stand on', () => {
  const checks = [check('a', ok('')), check('b', ok(''), ['a']), check('other', ok('')), check('kafka.c', ok(''), ['b'])];
  expect(selectArea(checks, 'kafka').map(({ id }) => id)).toEqual(['a', 'b', 'kafka.c']);
});

test.each([
  ['ok', false, false],
  ['skipped', false, false],
  ['warn', false, true],
  ['unknown', false, true],
  ['fail', true, true],
] as const)('isBad() of %s is %s, and strictly %s', (state, plain, strict) => {
  const results: CheckResult[] = [{ id: 'a', area: 'kafka', state, found: '', tookMs: 0 }];
  expect([isBad(results, { strict: false }), isBad(results, { strict: true })]).toEqual([plain, strict]);
});
