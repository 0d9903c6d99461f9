// Keys -> where the person looks. Pure; the effects of a key outside the picture (quit, look now, another interval) are the
// view's: open-lag-view.tsx.
import type { PartitionReport } from '../../core/lag/assess.ts';
import { choosePartitions, SORT_KEYS } from '../../core/lag/choose.ts';
import type { KeyAction } from './keys.ts';
import type { Gaze, LiveState, Shown } from './live-state.ts';

export const INTERVAL_MS_MIN = 500;
export const INTERVAL_MS_MAX = 60_000;
const FILTER_MAX = 60;

/** What a frame shows: the newest look, or the one at which the picture is held. */
export function shownOf({ now, frozen }: LiveState): Shown {
  return frozen?.shown ?? now;
}

/** The lines of the table, in their order. */
export function visiblePartitions(state: LiveState): readonly PartitionReport[] {
  const { gaze, allowedLag } = state;
  const { onlyLagging, sort, isReversed, filter } = gaze;
  const chosen = choosePartitions(shownOf(state).report.partitions, { onlyLagging, allowedLag, sort, isReversed });
  return filter === '' ? chosen : chosen.filter(matcher(filter));
}

/** A regular expression over what a line says, or the plain text where it is none; `!` before it inverts. */
function matcher(filter: string): (one: PartitionReport) => boolean {
  const isInverted = filter.startsWith('!');
  const wanted = isInverted ? filter.slice(1) : filter;
  const test = tester(wanted);
  return ({ sample: { partition, member, error }, verdict }) => {
    const text = `p${partition} ${partition} ${verdict} ${member?.clientId ?? '-'} ${member?.host ?? ''} ${error ?? ''}`;
    return wanted === '' || test(text) !== isInverted;
  };
}

function tester(wanted: string): (text: string) => boolean {
  try {
    const pattern = new RegExp(wanted, 'iu');
    return (text) => pattern.test(text);
  } catch {
    // Half typed, as `(p1`: as it stands.
    return (text) => text.toLowerCase().includes(wanted.toLowerCase());
  }
}

interface Where {
  /** Lines of a page. */
  readonly pageRows: number;
  /** Monotonic. */
  readonly elapsedMs: number;
  /** Absent: all of the help is in sight. */
  readonly help?: HelpWhere;
}

interface HelpWhere {
  /** The last line that it can begin with. */
  readonly topMax: number;
  /** Lines in sight. */
  readonly rows: number;
}

export function afterKey(state: LiveState, action: KeyAction, { pageRows, elapsedMs, help }: Where): LiveState {
  const { gaze } = state;
  const look = (change: Partial<Gaze>): LiveState => ({ ...state, gaze: { ...gaze, ...change } });
  if (gaze.isHelp && help !== undefined) {
    const helpTop = helpTopAfter(action, gaze.helpTop ?? 0, help);
    if (helpTop !== undefined) return look({ helpTop });
  }
  switch (action.kind) {
    case 'move':
      return moved(state, (index) => index + action.by);
    case 'page':
      return moved(state, (index) => index + action.by * Math.max(pageRows - 1, 1));
    case 'edge':
      return moved(state, (_, last) => (action.to === 'first' ? 0 : last));
    case 'help':
      return look({ isHelp: !gaze.isHelp, helpTop: 0 });
    case 'filter':
      return look({ isTyping: true, isHelp: false, page: 'table' });
    case 'type':
      return look({ filter: `${gaze.filter}${action.text}`.slice(0, FILTER_MAX) });
    case 'erase':
      return look({ filter: gaze.filter.slice(0, -1) });
    case 'enter':
      return entered(state);
    case 'back':
      return wentBack(state);
    case 'sort':
      return look({ sort: nextOf(SORT_KEYS, gaze.sort, action.by) });
    case 'reverse':
      return look({ isReversed: !gaze.isReversed });
    case 'only-lagging':
      return look({ onlyLagging: !gaze.onlyLagging });
    case 'delta':
      return look({ isDelta: !gaze.isDelta });
    case 'pause':
      return { ...state, frozen: state.frozen === undefined ? { shown: state.now, sinceMs: elapsedMs } : undefined };
    case 'interval':
      return look({ intervalMs: Math.min(Math.max(gaze.intervalMs * action.times, INTERVAL_MS_MIN), INTERVAL_MS_MAX) });
    case 'quit':
    case 'poll':
    case 'stop':
      return state;
  }
}

/** Keys that move move the help while not all of it is in sight; undefined for others. */
function helpTopAfter(action: KeyAction, before: number, { topMax, rows }: HelpWhere): number | undefined {
  // The terminal may have grown since.
  const from = Math.min(before, topMax);
  const inReach = (top: number): number => Math.min(Math.max(top, 0), topMax);
  if (action.kind === 'move') return inReach(from + action.by);
  if (action.kind === 'page') return inReach(from + action.by * Math.max(rows - 1, 1));
  if (action.kind === 'edge') return action.to === 'first' ? 0 : topMax;
  return undefined;
}

function moved(state: LiveState, to: (index: number, last: number) => number): LiveState {
  const shown = visiblePartitions(state);
  const index = Math.max(
    shown.findIndex(({ sample }) => sample.partition === state.gaze.selected),
    0,
  );
  const last = Math.max(shown.length - 1, 0);
  const selected = shown[Math.min(Math.max(to(index, last), 0), last)]?.sample.partition;
  return selected === undefined ? state : { ...state, gaze: { ...state.gaze, selected, isHelp: false } };
}

function entered(state: LiveState): LiveState {
  const { gaze } = state;
  if (gaze.isTyping) return { ...state, gaze: { ...gaze, isTyping: false } };
  if (gaze.isHelp) return { ...state, gaze: { ...gaze, isHelp: false } };
  const shown = visiblePartitions(state);
  const selected = shown.find(({ sample }) => sample.partition === gaze.selected) ?? shown[0];
  if (selected === undefined) return state;
  return { ...state, gaze: { ...gaze, page: 'partition', selected: selected.sample.partition } };
}

/** One step at a time: the help, what is typed, the partition, the filter. */
function wentBack(state: LiveState): LiveState {
  const { gaze } = state;
  if (gaze.isHelp) return { ...state, gaze: { ...gaze, isHelp: false } };
  if (gaze.isTyping) return { ...state, gaze: { ...gaze, isTyping: false, filter: '' } };
  if (gaze.page === 'partition') return { ...state, gaze: { ...gaze, page: 'table' } };
  return { ...state, gaze: { ...gaze, filter: '' } };
}

function nextOf<T>(all: readonly T[], current: T, by: number): T {
  return all[(all.indexOf(current) + by + all.length) % all.length] ?? current;
}
