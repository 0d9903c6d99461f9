// One pass of a verification over its share of the ids: topic or manifest, dead letters, table, then the suspects.
import { raceAbort } from '../clock.ts';
import { decodeRecord } from '../exposure/decode.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { Account } from './account.ts';
import type { Beginning } from './beginning.ts';
import { createExpected, type Expected, expectRecord, expectSent, noteLetter, noteRow, type Share } from './expect.ts';
import type { Findings } from './findings.ts';
import { judgeAll } from './judge.ts';
import { lookAtSuspects } from './look.ts';
import type { PhantomDoubt, VerifyDeps, VerifyPlan } from './plan.ts';
import type { RowWindow, TableSnapshot } from './ports.ts';
import { type PartitionRange, stretchesOf } from './range.ts';
import { rowWindows } from './row-windows.ts';
import { type LettersSeen, scanLetters, scanManifest, scanStretches } from './scan.ts';

export interface PassContext {
  readonly plan: VerifyPlan;
  readonly deps: VerifyDeps;
  readonly ranges: readonly PartitionRange[];
  readonly account: Account;
  readonly findings: Findings;
  /** Records of the range or entries of the manifest. */
  readonly total: number;
  readonly entriesMax: number;
  readonly phantomDoubt: PhantomDoubt | undefined;
  readonly beginning: Beginning;
}

export interface PassResult {
  readonly records: number;
  readonly invalidRecords: number;
  readonly letters: LettersSeen;
  readonly strangeRows: number;
  readonly phantomDoubt: PhantomDoubt | undefined;
  readonly unexamined: number;
  readonly crowded: number;
  /** Suspects were looked at, and with them every record of the range. */
  readonly hasLooked: boolean;
}

/** Ids that are looked at one by one, each with its rows and copies in memory. */
const SUSPECTS_MAX = 10_000;
const DAY_MICROS = 86_400_000_000;
const ROWS_PER_PROGRESS = 20_000;
const STRANGERS_MAX = 50_000;

export async function runPass(context: PassContext, share: Share): Promise<PassResult> {
  const { plan, deps, account } = context;
  const isSent = plan.manifest !== undefined;
  const place = plan.scope;
  const expected = createExpected(context.entriesMax);
  const manifestDays = await expectAll(context, { expected, share });
  const letters = await scanLetters(deps.logs, plan.deadLetterTopic, {
    ...deps,
    onRecord: (record) => noteLetter(expected, record, { place, share, isSent }),
  });

  await using snapshot = await deps.warehouse.openSnapshot();
  // Few enough to ask for each by its id, wherever its row may lie.
  const isEachAsked = isSent && context.total <= SUSPECTS_MAX;
  const windows = isEachAsked ? [] : (manifestDays ?? rowWindows(expected.days, { isWhole: context.phantomDoubt === undefined }));
  const strangers = await readRows(context, { expected, share, snapshot, windows });
  const { strangeRows, phantomDoubt } = await judgeStrangers(context, strangers);

  const suspects = judgeAll(expected, account, { suspectsMax: SUSPECTS_MAX, isEachAsked });
  const { slots, unexamined, crowded } = suspects;
  const hasLooked = slots.length > 0;
  if (hasLooked) await lookAtSuspects(context, { expected, snapshot, suspects: slots });
  const { records, invalid } = expected.seen;
  return { records, invalidRecords: invalid, letters, strangeRows, phantomDoubt, unexamined, crowded, hasLooked };
}

interface Filling {
  readonly expected: Expected;
  readonly share: Share;
}

/** @returns of a manifest, where its rows may lie */
async function expectAll({ plan, deps, ranges }: PassContext, { expected, share }: Filling): Promise<readonly RowWindow[] | undefined> {
  const { scope, manifest } = plan;
  if (manifest === undefined) {
    await scanStretches(deps.logs, stretchesOf(scope.topic, ranges), {
      ...deps,
      step: 'reading the topic',
      onRecord: (record) => expectRecord(expected, record, { place: scope, share }),
    });
    return undefined;
  }
  const { startMs, endMs } = await scanManifest(manifest(), { ...deps, onSent: (sent) => expectSent(expected, sent, share) });
  const fromMicros = Math.floor(startMs) * 1000 - DAY_MICROS;
  return [{ fromMicros, toMicros: endMs === undefined ? undefined : Math.ceil(endMs) * 1000 + DAY_MICROS }];
}

interface RowReading extends Filling {
  readonly snapshot: TableSnapshot;
  readonly windows: readonly RowWindow[];
}

/** Rows that nothing in the range accounts for. */
interface Strangers {
  /** Rows by exposure id, up to a limit. */
  readonly byId: Map<string, number>;
  /** Rows beyond the limit. */
  overflow: number;
}

async function readRows({ deps }: PassContext, { expected, share, snapshot, windows }: RowReading): Promise<Strangers> {
  const strangers: Strangers = { byId: new Map(), overflow: 0 };
  const { byId } = strangers;
  let read = 0;
  const onRow = (row: StoredExposure): void => {
    read++;
    if (read % ROWS_PER_PROGRESS === 0) deps.onProgress('reading the table', read, undefined);
    if (noteRow(expected, row, share) !== 'unknown') return;
    const known = byId.get(row.exposureId);
    if (known !== undefined || byId.size < STRANGERS_MAX) byId.set(row.exposureId, (known ?? 0) + 1);
    else strangers.overflow++;
  };
  // A statement cannot be called back: its session is closed with the snapshot.
  for (const window of windows) await raceAbort(deps.signal, snapshot.streamRows(window, onRow));
  return strangers;
}

/**
 * Rows may belong to records that the ledger had not passed when it was read: consumers went on, and while a refused row is
 * held back, later ones are loaded ahead of the ledger.
 */
async function judgeStrangers(
  { plan, deps, ranges, findings, phantomDoubt }: PassContext,
  { byId, overflow }: Strangers,
): Promise<Pick<PassResult, 'strangeRows' | 'phantomDoubt'>> {
  const countRows = (): number => [...byId.values()].reduce((sum, rows) => sum + rows, overflow);
  if (phantomDoubt !== undefined || byId.size === 0) return { strangeRows: countRows(), phantomDoubt };
  const { topic } = plan.scope;
  const ends = new Map(((await deps.logs.ranges(topic)) ?? []).map(({ partition, end }) => [partition, end]));
  const ahead = ranges
    .map(({ partition, start, ledger }) => ({ topic, partition, from: ledger ?? start, to: ends.get(partition) ?? start }))
    .filter(({ from, to }) => from < to);
  await scanStretches(deps.logs, ahead, {
    ...deps,
    step: 'reading what the ledger has not passed',
    onRecord: (record) => {
      const decoded = decodeRecord(record, plan.scope);
      if (decoded.kind === 'exposure') byId.delete(decoded.exposure.exposureId);
    },
  });
  // What expired before it was read, or between, was not seen, and may be what they come from.
  const hasExpired = ((await deps.logs.ranges(topic)) ?? []).some(({ start }) => start > 0n);
  if (hasExpired) return { strangeRows: countRows(), phantomDoubt: byId.size + overflow > 0 ? 'expired records' : undefined };
  for (const exposureId of byId.keys()) findings.add(findings.phantom, exposureId);
  // Where all that were looked at are explained, nobody knows of the others.
  return { strangeRows: countRows(), phantomDoubt: byId.size === 0 && overflow > 0 ? 'busy' : undefined };
}
