// The checker behind every fault test: what was written to the topic against what stands in the table and among the dead
// letters. Nothing lost, nothing doubled, nothing altered, nothing from nowhere, dead letters exact. Pure; tested itself.
import type { Exposure } from '../../src/core/exposure/exposure.ts';
import { differingFields } from '../../src/core/verify/content.ts';
import { groupBy } from './group-by.ts';
import type { PlacedRecord } from './topic-log.ts';

/** What must become of a record. `copy`: nothing of its own, the exposure of another record stands for it. */
export type Expectation =
  | { readonly kind: 'row'; readonly row: ExpectedRow }
  | { readonly kind: 'letter'; readonly code: string }
  | { readonly kind: 'copy' };

/** Without an `exposureId` gbx derives one: the row is then known by its user, who must have no other. */
export type ExpectedRow = Omit<Exposure, 'exposureId'> & { readonly exposureId?: string };

export interface SentRecord extends PlacedRecord {
  readonly expected: Expectation;
}

export interface Books {
  readonly topic: string;
  readonly sent: readonly SentRecord[];
  /** The whole table. */
  readonly rows: readonly Exposure[];
  /** The whole dead-letter topic. */
  readonly letters: readonly PlacedRecord[];
  /** A consumer may have died between dead letter and ledger: one record, several letters. @default false */
  readonly lettersMayRepeat?: boolean;
}

export interface Account {
  /** Rows and distinct dead letters that were expected and are there as they should be. */
  readonly rows: number;
  readonly letters: number;
  /** One sentence each; empty when all is exact. */
  readonly problems: readonly string[];
}

export function takeAccount(books: Books): Account {
  const rows = accountRows(books);
  const letters = accountLetters(books);
  return { rows: rows.right, letters: letters.right, problems: [...rows.problems, ...letters.problems] };
}

interface Part {
  readonly right: number;
  readonly problems: readonly string[];
}

function accountRows({ sent, rows }: Books): Part {
  const problems: string[] = [];
  const byId = groupBy(rows, ({ exposureId }) => exposureId);
  const byUser = groupBy(rows, ({ dsUserId }) => dsUserId);
  const explained = new Set<Exposure>();
  let right = 0;
  for (const { expected, partition, offset } of sent) {
    if (expected.kind !== 'row') continue;
    const { exposureId, dsUserId } = expected.row;
    const found = (exposureId === undefined ? byUser.get(dsUserId) : byId.get(exposureId)) ?? [];
    const name = `${exposureId ?? `the exposure of ${dsUserId}`} (${partition}/${offset})`;
    const [row] = found;
    if (row === undefined) problems.push(`lost: ${name}`);
    else {
      if (found.length > 1) problems.push(`doubled: ${name} stands ${found.length} times`);
      const altered = differingFields({ exposureId: row.exposureId, ...expected.row }, row);
      if (altered.length > 0) problems.push(`altered: ${name} in ${altered.join(', ')}`);
      if (found.length === 1 && altered.length === 0) right++;
    }
    for (const one of found) explained.add(one);
  }
  for (const row of rows) if (!explained.has(row)) problems.push(`from nowhere: a row ${row.exposureId} of ${row.dsUserId}`);
  for (const [id, own] of byId) if (own.length > 1) problems.push(`doubled id: ${id} stands ${own.length} times`);
  return { right, problems };
}

function accountLetters({ topic, sent, letters, lettersMayRepeat = false }: Books): Part {
  const problems: string[] = [];
  const byOrigin = groupBy(letters, ({ headers }) => headers['gbx-origin'] ?? 'no origin');
  let right = 0;
  for (const record of sent) {
    const origin = `${topic}/${record.partition}/${record.offset}/${record.timestampMs}`;
    const found = byOrigin.get(origin) ?? [];
    byOrigin.delete(origin);
    if (record.expected.kind !== 'letter') {
      if (found.length > 0) problems.push(`dead letter of a good record: ${origin} (${found[0]?.headers['gbx-error-code']})`);
      continue;
    }
    const { code } = record.expected;
    const wrong = found.filter((letter) => letter.headers['gbx-error-code'] !== code || !hasSameBytes(letter, record));
    if (found.length === 0) problems.push(`lost: no dead letter ${code} of ${origin}`);
    else if (found.length > 1 && !lettersMayRepeat) problems.push(`doubled: ${found.length} dead letters of ${origin}`);
    else if (wrong.length > 0) problems.push(`altered: the dead letter of ${origin} (${wrong[0]?.headers['gbx-error-code']} for ${code})`);
    else right++;
  }
  for (const origin of byOrigin.keys()) problems.push(`from nowhere: a dead letter of ${origin}`);
  return { right, problems };
}

function hasSameBytes(one: PlacedRecord, other: PlacedRecord): boolean {
  return isSame(one.key, other.key) && isSame(one.value, other.value);
}

function isSame(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
