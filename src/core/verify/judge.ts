// From the table of ids, after topic, dead letters and rows were read: what is plainly right is counted, what is not becomes
// a suspect and is looked at one by one (examine.ts). Nothing is called wrong here.
import type { Account, Fate } from './account.ts';
import { type Expected, NO_PARTITION } from './expect.ts';
import { FLAG } from './id-table.ts';

/** First entries of the ids that are to be looked at. */
export interface Suspects {
  readonly slots: readonly number[];
  /** Beyond the limit: counted as what they look like, and not looked at. */
  readonly unexamined: number;
  /** Records of ids that have more different ones than are kept: not judged. */
  readonly crowded: number;
}

interface JudgeOptions {
  readonly suspectsMax: number;
  /** The rows were not read: every id is a suspect. */
  readonly isEachAsked: boolean;
}

/** Counts every id of the pass that is plainly right. @returns the others, marked in the table */
export function judgeAll(expected: Expected, account: Account, { suspectsMax, isEachAsked }: JudgeOptions): Suspects {
  const { table } = expected;
  const slots: number[] = [];
  let unexamined = 0;
  let crowded = 0;
  for (let slot = 0; slot < table.slots; slot++) {
    const flags = table.flags[slot] ?? 0;
    if ((flags & FLAG.first) === 0) continue;
    const group = table.group(table.idAt(slot));
    crowded += table.crowdOf(slot);
    const fate = isEachAsked ? undefined : judgeGroup(expected, group);
    if (fate !== undefined) account.add(fate, whoseIs(expected, slot));
    else if (slots.length < suspectsMax) {
      table.flags[slot] = flags | FLAG.suspect;
      slots.push(slot);
    } else {
      unexamined++;
      account.add(looksLike(expected, group), whoseIs(expected, slot));
    }
  }
  return { slots, unexamined, crowded };
}

export function whoseIs({ table, experiments }: Expected, slot: number): { partition: number | undefined; experiment: string } {
  const partition = table.partition[slot];
  return {
    partition: partition === NO_PARTITION ? undefined : partition,
    experiment: experiments.name(table.experiment[slot] ?? 0),
  };
}

/** Undefined for a suspect. @param group all entries of one id, the first one first */
function judgeGroup(expected: Expected, group: readonly number[]): Fate | undefined {
  const { table } = expected;
  const [first = 0] = group;
  const isMust = group.some((slot) => has(expected, slot, FLAG.must));
  const isLetter = has(expected, first, FLAG.letter);
  const rows = rowsOf(expected, group);
  if (table.crowdOf(first) > 0) return undefined;
  if (rows === 0) {
    if (isLetter || isMust) return judgeAbsent(expected, group);
    return { kind: 'absent' };
  }
  const [holder] = group.filter((slot) => (table.rows[slot] ?? 0) > 0);
  if (rows > 1 || holder === undefined || isLetter) return undefined;
  // Refused, and a row all the same.
  if (!isMust && !group.some((slot) => has(expected, slot, FLAG.may))) return undefined;
  const others = group.filter((slot) => table.who[slot] !== table.who[holder] && has(expected, slot, FLAG.must));
  if (others.some((slot) => table.letter[slot] === 0)) return undefined;
  const letter = table.letter[holder] ?? 0;
  return { kind: 'loaded', reused: others.length, isInBoth: letter !== 0 && letter !== expected.reusedCode };
}

/** No row: right where every exposure of the id is among the dead letters. */
function judgeAbsent({ table, codes }: Expected, group: readonly number[]): Fate | undefined {
  const needed = group.filter((slot) => ((table.flags[slot] ?? 0) & (FLAG.must | FLAG.letter)) !== 0);
  if (needed.some((slot) => table.letter[slot] === 0)) return undefined;
  return { kind: 'dead-lettered', code: codes.name(table.letter[needed[0] ?? 0] ?? 0) };
}

function looksLike(expected: Expected, group: readonly number[]): Fate {
  const [first = 0] = group;
  const rows = rowsOf(expected, group);
  const isOdd = (expected.table.oddRows[first] ?? 0) > 0;
  if (rows === 0) return { kind: 'missing' };
  if (rows > 1 || isOdd) return { kind: 'wrong', isDoubled: rows > 1, isAltered: isOdd };
  const isRefused = !group.some((slot) => has(expected, slot, FLAG.must) || has(expected, slot, FLAG.may));
  return { kind: isRefused ? 'unexpected' : 'missing' };
}

function rowsOf({ table }: Expected, group: readonly number[]): number {
  const [first = 0] = group;
  return group.reduce((sum, slot) => sum + (table.rows[slot] ?? 0), table.oddRows[first] ?? 0);
}

function has({ table }: Expected, slot: number, flag: number): boolean {
  return ((table.flags[slot] ?? 0) & flag) !== 0;
}
