// The live view of `gbx lag --watch`: owns the screen, the state and the clock of the picture. The command gives it reports
// and failures; it tells the command what keys want. Draws when something has changed, ten times a second at most.
import { render } from 'ink';
import type { Clock } from '../../core/clock.ts';
import { type Frame, LagFrame, withLines } from './frame.tsx';
import { afterKey } from './gaze.ts';
import { helpReach } from './help-page.ts';
import { type KeyAction, type PressedKey, readKey } from './keys.ts';
import {
  type Failure,
  formatSummary,
  type Gaze,
  type LiveState,
  type Look,
  startState,
  withEvent,
  withFailure,
  withReport,
} from './live-state.ts';
import { type Look as Paint, paint, toAscii } from './paint.ts';
import { openScreen, type Screen, type TerminalOutput } from './screen.ts';
import { layoutScreen, pageRowsOf } from './view-model.ts';

/** What the command is told. */
export interface LagViewActions {
  readonly quit: (options: { readonly isInterrupt: boolean }) => void;
  readonly pollNow: () => void;
  readonly setInterval: (intervalMs: number) => void;
  /** Ctrl-Z: the process is to stop until its shell makes it go on. Absent: the key does nothing. */
  readonly stop?: () => void;
}

export interface LagViewOptions {
  readonly output: TerminalOutput;
  readonly input: NodeJS.ReadStream;
  readonly paint: Paint;
  readonly clock: Clock;
  readonly allowedLag: number;
  readonly gaze: Gaze;
  readonly actions: LagViewActions;
}

export interface LagView extends AsyncDisposable {
  readonly report: (look: Look) => void;
  readonly fail: (failure: Failure) => void;
  readonly warn: (text: string) => void;
  /** Gives the terminal back at once; for ways out that do not unwind. Harmless twice. */
  readonly restore: () => void;
  /** Gives the terminal back for a stop of the process. */
  readonly leave: () => void;
  /** Takes it again, whatever was done with it meanwhile, and draws anew. */
  readonly enter: () => void;
  /** Rejects where the view itself fails. */
  readonly failed: Promise<never>;
  /** Three lines for the normal screen. */
  readonly summary: () => string;
}

const FRAME_MS_MIN = 100;
const TICK_MS = 1_000;

/** Takes the terminal. @param first what there is to show: without a look there is no picture */
export function openLagView(first: Look, options: LagViewOptions): LagView {
  const { output, input, clock, gaze, allowedLag, actions } = options;
  let state = startState(first, gaze, allowedLag);
  const screen: Screen = openScreen(output, (rendered) => withLines(rendered, picture.frame().lines));
  const picture = createPicture({ screen, options, state: () => state });
  const change = (next: LiveState): void => {
    if (next === state) return;
    state = next;
    picture.changed();
  };
  const onKey = (text: string, key: PressedKey): void => {
    // One read of the terminal may bring several keys at once: one that is held down, or a line pasted.
    for (const one of text.length > 1 ? text : [text]) {
      const action = readKey(one, key, state.gaze);
      if (action !== undefined) act(action);
    }
  };
  const act = (action: KeyAction): void => {
    if (action.kind === 'quit') actions.quit(action);
    if (action.kind === 'poll') actions.pollNow();
    if (action.kind === 'stop') actions.stop?.();
    const { intervalMs } = state.gaze;
    const size = screen.size();
    const help = helpReach(size);
    change(afterKey(state, action, { pageRows: pageRowsOf(size.rows), elapsedMs: clock.elapsed(), ...(help && { help }) }));
    if (state.gaze.intervalMs !== intervalMs) actions.setInterval(state.gaze.intervalMs);
  };
  const hasKeys = input.isTTY === true;
  // `debug` makes Ink hand over each frame whole; screen.ts writes what differs.
  const app = render(<LagFrame store={picture} hasKeys={hasKeys} onKey={onKey} />, {
    stdout: screen.frames,
    stdin: input,
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  screen.onResize(picture.changed);
  const failed = app.waitUntilExit().then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);
  const restore = (): void => {
    picture.stop();
    if (hasKeys) input.setRawMode(false);
    screen[Symbol.dispose]();
  };
  return {
    report: (look) => change(withReport(state, look)),
    fail: (failure) => change(withFailure(state, failure, clock.now())),
    warn: (text) => change(withEvent(state, { atMs: clock.now(), text, role: 'warn' })),
    restore,
    leave: () => {
      if (hasKeys) input.setRawMode(false);
      screen.leave();
    },
    enter: () => {
      if (picture.isStopped()) return;
      // Twice: a shell has set the terminal its own way, of which the stream knows nothing, and would do nothing.
      if (hasKeys) input.setRawMode(false).setRawMode(true);
      screen.enter();
      picture.changed();
    },
    failed,
    summary: () => {
      const text = formatSummary(state, clock.elapsed());
      return options.paint.isUnicode ? text : toAscii(text);
    },
    [Symbol.asyncDispose]: async () => {
      app.unmount();
      restore();
    },
  };
}

interface PictureOptions {
  readonly screen: Screen;
  readonly options: Pick<LagViewOptions, 'clock' | 'paint'>;
  readonly state: () => LiveState;
}

/** The store that Ink subscribes to: lines are made anew at a change or once a second, and shown where they differ. */
function createPicture({ screen, options: { clock, paint: look }, state }: PictureOptions) {
  const stopping = new AbortController();
  const listeners = new Set<() => void>();
  let frame = make();
  let drawnMs = clock.elapsed();
  let isDue = false;

  function make(): Frame {
    const { columns, rows } = screen.size();
    const lines = layoutScreen(state(), { columns, rows }, { elapsedMs: clock.elapsed() }).map((line) => paint(line, look));
    return { lines, columns };
  }

  function draw(): void {
    isDue = false;
    if (stopping.signal.aborted) return;
    drawnMs = clock.elapsed();
    frame = make();
    for (const listener of listeners) listener();
  }

  async function drawSoon(): Promise<void> {
    await clock.sleep(drawnMs + FRAME_MS_MIN - clock.elapsed(), stopping.signal);
    draw();
  }

  async function tick(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(TICK_MS, stopping.signal);
      // Ages count up while nothing comes in; else nothing differs, and nothing is drawn.
      if (!stopping.signal.aborted && !isSame(make(), frame)) changed();
    }
  }

  function changed(): void {
    if (isDue || stopping.signal.aborted) return;
    isDue = true;
    if (clock.elapsed() - drawnMs >= FRAME_MS_MIN) draw();
    else void drawSoon();
  }

  void tick();
  return {
    changed,
    frame: () => frame,
    stop: () => stopping.abort(),
    isStopped: () => stopping.signal.aborted,
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function isSame(one: Frame, other: Frame): boolean {
  return (
    one.columns === other.columns && one.lines.length === other.lines.length && one.lines.every((line, row) => line === other.lines[row])
  );
}
