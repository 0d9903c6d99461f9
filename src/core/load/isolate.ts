// Which rows of a batch does the warehouse refuse? A search by halving, as a plan without I/O: it yields what to try next
// and is told how that went. The flush drives it (refusals.ts); nothing it tries is committed.
import type { Random } from '../clock.ts';

/** Rows by their index in the batch; `control` is a row that is surely right. */
export type Trial = { readonly kind: 'rows'; readonly rows: readonly number[] } | { readonly kind: 'control' };

/** In the warehouse's words, without values; or how many of the rows it would have inserted, as it lacks them. */
export type TrialResult = { readonly kind: 'refused'; readonly message: string } | { readonly kind: 'taken'; readonly lacking: number };

export interface RowRefusal {
  readonly index: number;
  /** In the warehouse's words, without values. */
  readonly message: string;
}

export type Verdict =
  /** These rows and no others. `isMost`: over half of the batch, see FRESH_REFUSED_MIN. */
  | { readonly kind: 'rows'; readonly refused: readonly RowRefusal[]; readonly isMost: boolean }
  /** Over half of the batch: these, and more that were not looked for. */
  | { readonly kind: 'most'; readonly known: readonly RowRefusal[] }
  /** All of them, and the control row too: it is not the rows. */
  | { readonly kind: 'everything'; readonly known: readonly RowRefusal[] };

interface SearchOptions {
  readonly count: number;
  /** What the warehouse said to all of them together. */
  readonly message: string;
  /**
   * Whether a row is tried for the first time. Those that were refused before are looked at first: mostly they are again. And as
   * they come back together they say nothing of how many rows are bad.
   */
  readonly isFresh: (index: number) => boolean;
  readonly random: Random;
  /** Finds every row even where most are refused. */
  readonly toTheEnd: boolean;
}

/** From so many refused rows on, over half of a batch is no longer the fault of single rows. */
const FRESH_REFUSED_MIN = 10;
/**
 * A look at rows picked at random: a refused one counts 1, one that passes -2, until the sum tells. Where half of them are bad,
 * the upper end is reached once in three thousand times; where all are, after as many rows.
 */
const LOOK = { passed: -2, most: 17, notMost: -4, rowsMin: 32 };

/** Of the search's order, `from` to `to`, exclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
  /** `refused`: together they were; `inferred`: they hold a refused one, since the others before them passed. */
  readonly known: 'nothing' | 'inferred' | { readonly refused: string };
}

interface Search extends SearchOptions {
  /** The rows' indexes: those that were refused before stand first. */
  readonly order: readonly number[];
  readonly freshCount: number;
  readonly refused: RowRefusal[];
  freshRefused: number;
  /** What is still to be looked at, the next one last. */
  open: Range[];
  /** Rows that the table lacks: those that stand in it pass whatever it refuses. */
  hasPassed: boolean;
  /** The next look around, by the number of refused rows. */
  lookAt: number;
}

export type Steps<T> = Generator<Trial, T, TrialResult>;

/**
 * To be told the result of each trial.
 *
 * With k of n rows refused it takes at most 2k log2(n) trials, and one for the control row where none passed: the first
 * half is the smaller one, and where it passes the second one is known to be refused. A row is named only when it was refused
 * alone: the table may be mended while the search goes on.
 */
export function* isolate(options: SearchOptions): Steps<Verdict> {
  const search = createSearch(options);
  for (let range = search.open.pop(); range !== undefined; range = search.open.pop()) {
    const isOne = range.to - range.from === 1;
    // Nothing is left to be tried of what is known of several rows: it is in one half of them.
    const isKnown = isOne ? typeof range.known === 'object' : range.known !== 'nothing';
    const message = isKnown ? messageOf(range) : yield* tryRows(search, rowsOf(search, range));
    if (message === undefined) continue;
    if (isOne) note(search, { index: search.order[range.from] ?? range.from, message });
    else yield* halve(search, range);
    if (options.toTheEnd && isMost(search)) search.open = search.open.flatMap(singles);
    else if (isMost(search) || (yield* looksLikeMost(search))) return yield* judge(search, { kind: 'most', known: search.refused });
  }
  return yield* judge(search, { kind: 'rows', refused: search.refused, isMost: isMost(search) });
}

function createSearch(options: SearchOptions): Search {
  const fresh: number[] = [];
  const before: number[] = [];
  for (let index = 0; index < options.count; index++) (options.isFresh(index) ? fresh : before).push(index);
  const order = [...before, ...fresh];
  const open: Range[] = [{ from: 0, to: options.count, known: { refused: options.message } }];
  const counts = { freshCount: fresh.length, freshRefused: 0, lookAt: FRESH_REFUSED_MIN };
  return { ...options, ...counts, order, open, refused: [], hasPassed: false };
}

function messageOf({ known }: Range): string {
  return typeof known === 'object' ? known.refused : '';
}

/** @returns what the warehouse said; undefined where it took them */
function* tryRows(search: Search, rows: readonly number[]): Steps<string | undefined> {
  const result = yield { kind: 'rows', rows };
  if (result.kind === 'refused') return result.message;
  if (result.lacking > 0) search.hasPassed = true;
  return undefined;
}

/**
 * Of rows known to hold a refused one: the first half is tried, or only those of it that were refused before; the rest is told
 * by that, or comes later.
 */
function* halve(search: Search, { from, to }: Range): Steps<void> {
  const firstFresh = search.count - search.freshCount;
  const half = from + Math.floor((to - from) / 2);
  const middle = from < firstFresh ? Math.min(firstFresh, half) : half;
  const refused = yield* tryRows(search, rowsOf(search, { from, to: middle }));
  search.open.push({ from: middle, to, known: refused === undefined ? 'inferred' : 'nothing' });
  if (refused !== undefined) search.open.push({ from, to: middle, known: { refused } });
}

function note(search: Search, refusal: RowRefusal): void {
  search.refused.push(refusal);
  if (search.isFresh(refusal.index)) search.freshRefused++;
}

function isMost({ freshRefused, freshCount }: Search): boolean {
  return freshRefused >= FRESH_REFUSED_MIN && freshRefused * 2 > freshCount;
}

/**
 * At 10 refused rows, and each time they have doubled: a look at rows picked at random from what is open, since a batch that
 * is refused as a whole is not to be taken apart row by row, while ten bad rows at its head say nothing of the rest.
 */
function* looksLikeMost(search: Search): Steps<boolean> {
  if (search.toTheEnd || search.freshRefused < search.lookAt) return false;
  search.lookAt *= 2;
  const rest = search.open.flatMap((range) => rowsOf(search, range)).filter(search.isFresh);
  const couldBeMost = (search.freshRefused + rest.length) * 2 > search.freshCount;
  if (!couldBeMost || rest.length < LOOK.rowsMin) return false;
  // As long as it pays: the search itself would take more.
  const triesMax = Math.min(rest.length, 3 * search.freshRefused);
  let [score, refused] = [0, 0];
  for (let tried = 0; tried < triesMax && score > LOOK.notMost; tried++) {
    const at = Math.floor(search.random() * (rest.length - tried));
    const index = rest[at] ?? 0;
    // Each row once: the last one that may still be picked takes its place.
    rest[at] = rest[rest.length - 1 - tried] ?? index;
    const hasPassed = (yield* tryRows(search, [index])) === undefined;
    score += hasPassed ? LOOK.passed : 1;
    if (!hasPassed) refused++;
    if (score >= LOOK.most) return (search.freshRefused + (rest.length * refused) / (tried + 1)) * 2 > search.freshCount;
  }
  return false;
}

/** Where nothing new passed it may be the table: a row that is surely right tells. */
function* judge(search: Search, verdict: Verdict): Steps<Verdict> {
  if (search.hasPassed) return verdict;
  const { kind } = yield { kind: 'control' };
  return kind === 'taken' ? verdict : { kind: 'everything', known: search.refused };
}

function rowsOf({ order }: Search, { from, to }: Pick<Range, 'from' | 'to'>): readonly number[] {
  return order.slice(from, to);
}

function singles({ from, to, known }: Range): Range[] {
  if (to - from === 1) return [{ from, to, known }];
  return Array.from({ length: to - from }, (_, index) => ({ from: from + index, to: from + index + 1, known: 'nothing' }));
}
