// The checker of runs over HTTP: what clients posted and what they were told, against the whole table and all dead letters
// (I1 to I7, I10 of docs/reliability.md). Pure; tested itself.
import type { Exposure } from '../../src/core/exposure/exposure.ts';
import { differingFields } from '../../src/core/verify/content.ts';
import { groupBy } from './group-by.ts';
import type { PlacedRecord } from './topic-log.ts';

/** `ok` was acknowledged, `fail` surely was not stored, `unknown` is everything else. */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** One post. The same id may be posted several times: it is one exposure. */
export interface PostedRecord {
  readonly row: Exposure;
  readonly outcome: Outcome;
  /** What must become of it: `letter` where the warehouse refuses the row for ever. @default 'row' */
  readonly end?: 'row' | 'letter';
}

/** What another producer wrote to the topic and is no exposure; each value is written under no other one. */
export interface GarbageRecord {
  readonly value: string;
  readonly code: string;
  readonly outcome: Outcome;
}

export interface PostedBooks {
  readonly posted: readonly PostedRecord[];
  readonly garbage?: readonly GarbageRecord[];
  readonly rows: readonly Exposure[];
  readonly letters: readonly PlacedRecord[];
}

export interface PostedAccount {
  /** Exposures by what is known of them: an id that was acknowledged once is `ok`. */
  readonly ok: number;
  readonly fail: number;
  readonly unknown: number;
  /** Of the unknown, those that are stored. */
  readonly unknownStored: number;
  readonly deadLetters: number;
  /** Dead letters beyond the first of an origin: allowed, a consumer may die between letter and ledger. */
  readonly lettersRepeated: number;
  /** One sentence each; empty when all is exact. */
  readonly problems: readonly string[];
}

export function takePostedAccount({ posted, garbage = [], rows, letters }: PostedBooks): PostedAccount {
  const rowsById = groupBy(rows, ({ exposureId }) => exposureId);
  const places = placeLetters(letters);
  const problems: string[] = [];
  const counts = { ok: 0, fail: 0, unknown: 0, unknownStored: 0 };
  for (const [id, posts] of groupBy(posted, ({ row }) => row.exposureId)) {
    const outcome = best(posts.map((post) => post.outcome));
    const found = rowsById.get(id) ?? [];
    const dead = places.byId.get(id) ?? [];
    const end = posts[0]?.end ?? 'row';
    rowsById.delete(id);
    places.byId.delete(id);
    counts[outcome]++;
    if (outcome === 'unknown' && found.length + dead.length > 0) counts.unknownStored++;
    if (outcome === 'ok' && (end === 'row' ? found : dead).length === 0) problems.push(`lost: ${id}`);
    if (outcome === 'fail' && found.length + dead.length > 0) problems.push(`stored although refused: ${id}`);
    if (found.length > 1) problems.push(`doubled: ${id} stands ${found.length} times`);
    if (end === 'letter' && found.length > 0) problems.push(`loaded although the warehouse refuses it: ${id}`);
    if (end === 'row' && dead.length > 0) problems.push(`dead letter of a good record: ${id} (${codes(dead)})`);
    const altered = new Set(posts.slice(0, 1).flatMap(({ row }) => found.flatMap((one) => differingFields(row, one))));
    if (altered.size > 0) problems.push(`altered: ${id} in ${[...altered].join(', ')}`);
  }
  problems.push(...accountGarbage(garbage, places.others));
  for (const id of rowsById.keys()) problems.push(`from nowhere: a row ${id}`);
  for (const id of places.byId.keys()) problems.push(`from nowhere: a dead letter of ${id}`);
  const origins = new Set(letters.map(({ headers }) => headers['gbx-origin']));
  return { ...counts, deadLetters: origins.size, lettersRepeated: letters.length - origins.size, problems };
}

/** What any attempt tells for sure. */
function best(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.includes('ok')) return 'ok';
  return outcomes.includes('unknown') ? 'unknown' : 'fail';
}

interface LetterPlaces {
  /** Those that are exposures. */
  readonly byId: Map<string, readonly PlacedRecord[]>;
  readonly others: readonly PlacedRecord[];
}

function placeLetters(letters: readonly PlacedRecord[]): LetterPlaces {
  const exposures = letters.flatMap((letter) => {
    const id = exposureIdOf(letter);
    return id === undefined ? [] : [{ id, letter }];
  });
  const byId = new Map([...groupBy(exposures, ({ id }) => id)].map(([id, own]) => [id, own.map(({ letter }) => letter)] as const));
  return { byId, others: letters.filter((letter) => exposureIdOf(letter) === undefined) };
}

function exposureIdOf({ value }: PlacedRecord): string | undefined {
  try {
    const { exposure_id: id } = JSON.parse(String(value)) as { exposure_id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

function accountGarbage(garbage: readonly GarbageRecord[], letters: readonly PlacedRecord[]): string[] {
  const problems: string[] = [];
  const byValue = groupBy(letters, ({ value }) => String(value));
  for (const { value, code, outcome } of garbage) {
    const found = byValue.get(value) ?? [];
    byValue.delete(value);
    if (outcome === 'ok' && found.length === 0) problems.push(`lost: no dead letter ${code} of “${value}”`);
    if (found.some(({ headers }) => headers['gbx-error-code'] !== code)) problems.push(`wrong reason: ${codes(found)} of “${value}”`);
  }
  for (const value of byValue.keys()) problems.push(`from nowhere: a dead letter “${value.slice(0, 40)}”`);
  return problems;
}

function codes(letters: readonly PlacedRecord[]): string {
  return [...new Set(letters.map(({ headers }) => headers['gbx-error-code']))].join(', ');
}
