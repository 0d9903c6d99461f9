// `gbx lag --watch` on a terminal: the loop of looks and the live view side by side, until a key, a signal or a fault of the
// view. Imported on use: Ink and React cost a quarter of a second.
import type { LagReport } from '../../core/lag/assess.ts';
import { createPacer } from '../../core/lag/pacer.ts';
import { type PollDeps, runLagWatch } from '../../core/lag/poll.ts';
import type { Gaze } from './live-state.ts';
import { type LagView, openLagView } from './open-lag-view.tsx';
import type { Look } from './paint.ts';
import type { TerminalOutput } from './screen.ts';

interface LiveOptions {
  readonly terminal: {
    readonly input: NodeJS.ReadStream;
    readonly output: TerminalOutput;
    onLeave(restore: () => void): void;
    onStop(around: { readonly leave: () => void; readonly enter: () => void }): void;
    stop(): void;
  };
  readonly look: Look;
  readonly gaze: Gaze;
  /** Limits that this report breaks, one sentence each. */
  readonly breaches: (report: LagReport) => readonly string[];
  /** What would spoil the picture if it went to the terminal as it comes. */
  readonly onWarnings: (show: (text: string) => void) => void;
}

export interface LiveEnd {
  readonly by: 'quit' | 'interrupt' | 'signal';
  /** For the normal screen; undefined where there was no look at all. */
  readonly summary: string | undefined;
}

/** @throws {GbxError} where the very first look fails, before the terminal was taken; and any fault of the view */
export async function watchLive(deps: PollDeps, { terminal, look, gaze, breaches, onWarnings }: LiveOptions): Promise<LiveEnd> {
  const { clock, assess, signal } = deps;
  const ending = new AbortController();
  signal.addEventListener('abort', () => ending.abort('signal'), { once: true });
  if (signal.aborted) return { by: 'signal', summary: undefined };
  const pacer = createPacer({ intervalMs: gaze.intervalMs, clock, signal: ending.signal });
  let view: LagView | undefined;
  const open = (report: LagReport): LagView => {
    const first = { report, breaches: breaches(report), elapsedMs: clock.elapsed() };
    const actions = {
      quit: ({ isInterrupt }: { readonly isInterrupt: boolean }) => ending.abort(isInterrupt ? 'interrupt' : 'quit'),
      pollNow: pacer.wake,
      setInterval: pacer.setInterval,
      stop: () => terminal.stop(),
    };
    const { input, output } = terminal;
    const opened = openLagView(first, { output, input, paint: look, clock, allowedLag: assess.allowedLag, gaze, actions });
    terminal.onLeave(opened.restore);
    terminal.onStop({
      leave: opened.leave,
      enter: () => {
        opened.enter();
        // What was seen is as old as the stop was long.
        pacer.wake();
      },
    });
    onWarnings(opened.warn);
    opened.failed.catch((fault: unknown) => ending.abort(fault));
    return opened;
  };
  const looking = runLagWatch(
    { ...deps, signal: ending.signal },
    {
      pause: pacer.pause,
      onReport: (report) => {
        if (ending.signal.aborted) return;
        if (view === undefined) view = open(report);
        else view.report({ report, breaches: breaches(report), elapsedMs: clock.elapsed() });
      },
      onFailure: ({ code, message }) => view?.fail({ code, message }),
    },
  );
  try {
    // A look at a broker that is gone takes its time: who leaves does not wait for it.
    await Promise.race([looking, whenAborted(ending.signal)]);
  } finally {
    looking.catch(() => undefined);
    await view?.[Symbol.asyncDispose]();
  }
  const by: unknown = ending.signal.reason;
  if (by !== 'quit' && by !== 'interrupt' && by !== 'signal') throw by;
  return { by, summary: view?.summary() };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
