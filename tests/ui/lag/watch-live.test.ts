import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { createLagWindow } from '../../../src/core/lag/window.ts';
import { watchLive } from '../../../src/ui/lag/watch-live.ts';
import { lagSample, OPTIONS } from '../../core/lag/samples.ts';
import { manualClock } from '../../support/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeTerminal } from './fake-terminal.ts';
import { GAZE } from './states.ts';

const AWAY = new GbxError('GBX_KAFKA_UNREACHABLE', 'Cannot reach b:9092');
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';

/** Lags of the only partition, a look each; the last again and again. `never`: a look that does not come back. */
function setUp(answers: readonly (number | GbxError | 'never')[]) {
  const terminal = fakeTerminal({ columns: 80, rows: 24 });
  const clock = manualClock();
  const stop = new AbortController();
  let looks = 0;
  let leave: (() => void) | undefined;
  let around: { readonly leave: () => void; readonly enter: () => void } | undefined;
  let stops = 0;
  const poll = async (): Promise<LagSample> => {
    const answer = answers[Math.min(looks++, answers.length - 1)] ?? 'never';
    if (answer instanceof GbxError) throw answer;
    if (answer === 'never') return await new Promise<never>(() => undefined);
    return lagSample([{ position: 100_000n, end: BigInt(100_000 + answer) }], { second: clock.elapsed() / 1000 });
  };
  let warn: ((text: string) => void) | undefined;
  const work = watchLive(
    { poll, window: createLagWindow(), assess: OPTIONS, clock, signal: stop.signal },
    {
      terminal: {
        ...terminal,
        onLeave: (restore) => (leave = restore),
        onStop: (given) => (around = given),
        stop: () => void stops++,
      },
      look: { hasColor: false, isUnicode: true },
      gaze: GAZE,
      breaches: () => [],
      onWarnings: (show) => (warn = show),
    },
  );
  work.catch(() => undefined);
  let seen = '';
  /** Moves time on until the text was drawn. */
  const drawn = async (text: string): Promise<void> => {
    await eventually(`'${text}' on the screen`, async () => {
      await clock.advance(100);
      seen += terminal.take().join('');
      return seen.includes(text);
    });
  };
  const forget = (): void => {
    seen = '';
  };
  return {
    terminal,
    clock,
    stop,
    work,
    drawn,
    forget,
    seen: () => seen + terminal.take().join(''),
    looks: () => looks,
    leave: () => leave?.(),
    around: () => around,
    stops: () => stops,
    warn: (text: string) => warn?.(text),
  };
}

describe('watchLive()', () => {
  test('throws when the first look fails, without having touched the terminal', async () => {
    const { work, terminal } = setUp([AWAY]);
    await expect(work).rejects.toBe(AWAY);
    expect(terminal.take()).toEqual([]);
    expect(terminal.rawModes).toEqual([]);
  });

  test('keeps what it has seen when looks fail, and says so; leaves at once although a look does not come back', async () => {
    const { work, terminal, drawn, seen } = setUp([5, 1_234, AWAY, 'never']);
    await drawn('1,234');
    await drawn('! stale');
    await drawn('Cannot reach b:9092');
    await drawn('! stale 9 s');
    terminal.type('q');
    const { by, summary } = await work;
    expect(by).toBe('quit');
    expect(seen().endsWith(LEAVE)).toBe(true);
    expect(terminal.rawModes).toEqual([true, false, false]);
    expect(summary?.split('\n')).toEqual([
      expect.stringMatching(/^gbx lag g t: watched \d+s, 2 looks, 1 failed; stale \d+s: Cannot reach b:9092$/u),
      'lag 5 → 1,234, min 5, max 1,234',
      '0 verdict changes',
      '',
    ]);
  });

  test('ends by Ctrl-C and by a signal', async () => {
    const first = setUp([5]);
    await first.drawn('● live');
    first.terminal.type('\u0003');
    expect((await first.work).by).toBe('interrupt');
    const second = setUp([5]);
    await second.drawn('● live');
    second.stop.abort();
    expect((await second.work).by).toBe('signal');
    expect(second.seen()).toContain(LEAVE);
  });

  test('follows keys: a partition and back, another interval, a look at once', async () => {
    const { work, terminal, clock, drawn, looks } = setUp([5]);
    await drawn('● live');
    terminal.type('\r');
    await drawn('no change of its verdict');
    terminal.type('\u001b');
    await drawn('TREND');
    terminal.type('+++++');
    await drawn('every 1m00s');
    const before = looks();
    await clock.advance(20_000);
    expect(looks()).toBe(before);
    terminal.type('R');
    await eventually('another look', async () => {
      await clock.advance(0);
      return looks() > before;
    });
    terminal.type('/ab');
    await drawn('no partition matches ab');
    terminal.type('q');
    await drawn('matches abq');
    terminal.type('\r');
    await drawn('/abq  ');
    terminal.type('q');
    await work;
  });

  test('draws anew for another size, and shows warnings as events', async () => {
    const { stop, terminal, drawn, forget, warn, work } = setUp([5]);
    await drawn('BEHIND');
    warn('kafka.request_timed_out Metadata');
    await drawn('kafka.request_timed_out Metadata');
    forget();
    terminal.resize({ columns: 20, rows: 10 });
    await drawn('\u001b[2J');
    await drawn('lag 5');
    stop.abort();
    await work;
  });

  test('gives the terminal back while it is stopped, then takes it again, draws all of it and looks at once', async () => {
    const { work, terminal, drawn, forget, seen, around, stops, looks, clock } = setUp([5]);
    await drawn('● live');
    terminal.type('\u001a');
    await eventually('the stop', async () => stops() === 1);
    around()?.leave();
    expect(seen().endsWith(LEAVE)).toBe(true);
    expect(terminal.rawModes.at(-1)).toBe(false);
    forget();
    const before = looks();
    around()?.enter();
    expect(terminal.rawModes.slice(-2)).toEqual([false, true]);
    await drawn(ENTER);
    await drawn('● live');
    await eventually('another look', async () => {
      await clock.advance(0);
      return looks() > before;
    });
    terminal.type('q');
    await work;
    terminal.take();
    // Too late: it is given back for good.
    around()?.enter();
    around()?.leave();
    expect(terminal.take()).toEqual([]);
    expect(terminal.rawModes.at(-1)).toBe(false);
  });

  test('gives the terminal back at once on a way out that does not unwind', async () => {
    const { stop, drawn, terminal, leave, seen, work } = setUp([5]);
    await drawn(ENTER);
    leave();
    expect(seen().endsWith(LEAVE)).toBe(true);
    expect(terminal.rawModes.at(-1)).toBe(false);
    stop.abort();
    await work;
  });
});
