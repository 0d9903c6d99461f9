// The ids that are not plainly right, looked at one by one: the copies of each as the topic holds them, the rows of each as
// the table holds them, and what these say together. Pure.
import type { Exposure } from '../exposure/exposure.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { SentOutcome } from '../traffic/manifest.ts';
import type { Fate } from './account.ts';
import { contentHash, differingFields } from './content.ts';

/** Where a record of it stands. */
export interface Spot {
  readonly partition: number;
  readonly offset: bigint;
}

export interface Copy {
  readonly exposure: Exposure;
  readonly spot: Spot;
  /** `range`: of the range, passed by the ledger. `waiting`: beyond the ledger. `outside`: elsewhere in the topic. */
  readonly place: 'range' | 'waiting' | 'outside';
}

export interface Suspect {
  readonly exposureId: string;
  readonly copies: readonly Copy[];
  /** Reasons of dead letters, by the exposure's user, experiment and variation: see whoKey(). */
  readonly letters: ReadonlyMap<string, string>;
  /** More than are kept: a row that equals none of `copies` may equal another one. */
  readonly hasMoreCopies?: boolean;
}

export interface Examined {
  readonly fate: Fate;
  readonly alteredFields: readonly string[];
}

/** The same exposure under one id: a duplicate. Another one: a reuse of the id. */
export function whoKey({ dsUserId, experimentId, variationId }: Exposure): string {
  return JSON.stringify([dsUserId, experimentId, variationId]);
}

const HORIZON_MICROS = 86_400_000_000;

/**
 * Of copies with one id and different content, whichever was loaded first stands, and nobody wrote down which that was (the
 * partitions of a batch come in any order): so a row is right when it equals one of them.
 */
export function examine({ copies, letters, hasMoreCopies = false }: Suspect, rows: readonly StoredExposure[]): Examined {
  const known = new Set(copies.map(({ exposure }) => whoKey(exposure)));
  const strangers = hasMoreCopies ? [] : rows.filter((row) => !known.has(whoKey(row)));
  const wanted = new Set(copies.filter(({ place }) => place === 'range').map(({ exposure }) => whoKey(exposure)));
  const fields = new Set<string>();
  const fates = [...wanted].map((who): Fate => {
    const own = rows.filter((row) => whoKey(row) === who);
    const sent = copies.filter(({ exposure }) => whoKey(exposure) === who);
    const code = letters.get(who);
    if (own.length > 0) return examineRows({ own, sent: hasMoreCopies ? undefined : sent, fields, isInBoth: code !== undefined });
    if (code !== undefined) return { kind: 'dead-lettered', code };
    if (sent.some(({ place }) => place === 'waiting')) return { kind: 'waiting' };
    const [stranger] = strangers;
    const [copy] = sent;
    if (stranger === undefined || copy === undefined) return { kind: 'missing' };
    for (const field of differingFields(copy.exposure, stranger)) fields.add(field);
    return { kind: 'wrong', isAltered: true };
  });
  const fate = together(fates);
  // An id has one row within a day, whoever it stands for.
  if (!areNear(rows)) return { fate, alteredFields: [...fields] };
  const kind = fate.kind === 'missing' ? 'missing' : 'wrong';
  return { fate: { ...fate, kind, isDoubled: true, isAgain: false }, alteredFields: [...fields] };
}

interface Rows {
  readonly own: readonly StoredExposure[];
  /** Undefined: not all of them are known, so no row can be called altered. */
  readonly sent: readonly Copy[] | undefined;
  readonly fields: Set<string>;
  readonly isInBoth: boolean;
}

function examineRows({ own, sent, fields, isInBoth }: Rows): Fate {
  const altered = sent === undefined ? [] : own.filter((row) => sent.every(({ exposure }) => differingFields(exposure, row).length > 0));
  for (const row of altered) {
    const nearest =
      (sent ?? []).map(({ exposure }) => differingFields(exposure, row)).sort((one, other) => one.length - other.length)[0] ?? [];
    for (const field of nearest) fields.add(field);
  }
  if (altered.length > 0) return { kind: 'wrong', isAltered: true };
  return { kind: 'loaded', isInBoth, isAgain: own.length > 1 };
}

/** Whether two of the rows lie within the day in which an id is loaded once. */
function areNear(rows: readonly StoredExposure[]): boolean {
  const times = rows.map(({ tsMicros }) => tsMicros).sort((one, other) => one - other);
  return times.some((micros, at) => micros - (times[at - 1] ?? Number.NEGATIVE_INFINITY) <= HORIZON_MICROS);
}

/** What becomes of an id is the worst that became of an exposure under it. */
function together(fates: readonly Fate[]): Fate {
  const order = ['missing', 'wrong', 'waiting', 'loaded', 'dead-lettered'] as const;
  const kind = order.find((one) => fates.some((fate) => fate.kind === one)) ?? 'absent';
  const code = fates.find((fate) => fate.kind === 'dead-lettered')?.code;
  return {
    kind,
    isDoubled: false,
    isAltered: fates.some((fate) => fate.isAltered),
    isInBoth: fates.some((fate) => fate.isInBoth),
    isAgain: fates.some((fate) => fate.isAgain),
    reused: kind === 'dead-lettered' ? 0 : fates.filter((fate) => fate.kind === 'dead-lettered').length,
    ...(code === undefined ? {} : { code }),
  };
}

export interface SentSuspect {
  readonly entries: readonly { readonly contentHash: string; readonly outcome: SentOutcome }[];
  readonly letterCode: string | undefined;
  readonly isWaiting: boolean;
}

/** An id of a manifest, by the rules of compareSent(). */
export function examineSent({ entries, letterCode, isWaiting }: SentSuspect, rows: readonly StoredExposure[]): Examined {
  const isMust = entries.some(({ outcome }) => outcome === 'ok');
  const isMay = entries.some(({ outcome }) => outcome === 'unknown');
  const own = (fate: Fate): Examined => ({ fate, alteredFields: [] });
  if (rows.length === 0) {
    if (!isMust) return own({ kind: 'absent' });
    if (letterCode !== undefined) return own({ kind: 'dead-lettered', code: letterCode });
    return own({ kind: isWaiting ? 'waiting' : 'missing' });
  }
  const contents = new Set(entries.map((entry) => entry.contentHash));
  const isAltered = rows.some((row) => !contents.has(contentHash(row)));
  const isDoubled = rows.length > 1;
  if (!isMust && !isMay) return own({ kind: 'unexpected', isAltered, isDoubled });
  if (isAltered || isDoubled) return own({ kind: 'wrong', isAltered, isDoubled });
  return own({ kind: 'loaded', isInBoth: letterCode !== undefined });
}
