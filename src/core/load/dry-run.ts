// `gbx consume --dry-run`: what a consumer would make of the records that wait. Reads from where the ledger stands to the end
// of the log; joins no group, writes and commits nothing. What only the warehouse can tell is not in it: rows that are in the
// table already, and rows that it refuses.
import { createHash } from 'node:crypto';
import type { Decoded } from '../exposure/decode.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import type { DeadLetterCode, LedgerScope, PartitionOffsets, Warehouse } from './ports.ts';
import { notBeforeOf } from './retry-headers.ts';

export interface DryRunDeps {
  readonly warehouse: Pick<Warehouse, 'readLedger'>;
  /** What the broker knows of all partitions. */
  readonly offsets: () => Promise<readonly PartitionOffsets[]>;
  /** From inclusive, to exclusive; ends when `to` is reached or the signal aborts. */
  readonly read: (
    range: { readonly topic: string; readonly partition: number; readonly from: bigint; readonly to: bigint },
    signal: AbortSignal,
  ) => AsyncIterable<{ readonly records: readonly LogRecord[] }>;
  readonly decode: (record: LogRecord) => Decoded;
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly now: () => number;
}

interface DryRunOptions {
  readonly scope: LedgerScope;
  readonly startFrom: 'earliest' | 'latest';
  readonly signal: AbortSignal;
  /** Distinct ids that are remembered to find copies; beyond it copies count as rows. @default 2 million */
  readonly idsMax?: number;
}

export interface PartitionPlan {
  readonly partition: number;
  readonly startsBy: 'ledger' | 'committed' | 'earliest' | 'latest';
  readonly from: number;
  readonly to: number;
  /** Offsets that the log dropped before they were loaded. */
  readonly expired: number;
  records: number;
  rows: number;
  /** The exposure comes earlier in what was read. */
  duplicates: number;
  /** Retries that are not due yet; they count as rows too, or as copies. */
  notDue: number;
  readonly deadLetters: Partial<Record<DeadLetterCode, number>>;
}

export interface DryRun {
  readonly partitions: readonly PartitionPlan[];
  /** False where there were more ids than are remembered: then some copies count as rows. */
  readonly duplicatesAreExact: boolean;
  /** False where the signal ended it. */
  readonly isComplete: boolean;
}

const IDS_MAX = 2_000_000;
const HASH_CHARS = 12;

/** @throws {GbxError} what the ports throw */
export async function planLoad(deps: DryRunDeps, { scope, startFrom, signal, idsMax = IDS_MAX }: DryRunOptions): Promise<DryRun> {
  const ledger = new Map((await deps.warehouse.readLedger(scope)).map((row) => [row.partition, row.nextOffset]));
  const known = [...(await deps.offsets())].sort((one, other) => one.partition - other.partition);
  const ids = createIds(idsMax);
  const partitions: PartitionPlan[] = [];
  for (const offsets of known) {
    const { partition, end } = offsets;
    const { from, startsBy } = startOf(offsets, ledger.get(partition), startFrom);
    let first = from;
    if (offsets.start > first) first = offsets.start;
    const counts = { records: 0, rows: 0, duplicates: 0, notDue: 0, deadLetters: {} };
    const plan: PartitionPlan = { partition, startsBy, from: Number(from), to: Number(end), expired: Number(first - from), ...counts };
    partitions.push(plan);
    if (first >= end) continue;
    for await (const { records } of deps.read({ topic: scope.topic, partition, from: first, to: end }, signal)) {
      for (const record of records) addRecord(plan, record, { ...deps, ids });
    }
  }
  return { partitions, duplicatesAreExact: !ids.isFull(), isComplete: !signal.aborted };
}

function startOf(
  { start, end, committed }: PartitionOffsets,
  ledger: bigint | undefined,
  startFrom: 'earliest' | 'latest',
): { from: bigint; startsBy: PartitionPlan['startsBy'] } {
  if (ledger !== undefined) return { from: ledger, startsBy: 'ledger' };
  if (committed !== undefined) return { from: committed, startsBy: 'committed' };
  return { from: startFrom === 'earliest' ? start : end, startsBy: startFrom };
}

function addRecord(plan: PartitionPlan, record: LogRecord, { decode, now, ids }: Pick<DryRunDeps, 'decode' | 'now'> & { ids: Ids }): void {
  plan.records++;
  const decoded = decode(record);
  const found = decoded.kind === 'invalid' ? decoded.code : ids.add(decoded.exposure);
  if (found === 'new') plan.rows++;
  else if (found === 'copy') plan.duplicates++;
  else plan.deadLetters[found] = (plan.deadLetters[found] ?? 0) + 1;
  const isNotDue = decoded.kind === 'exposure' && (notBeforeOf(record) ?? 0) > now();
  if (isNotDue) plan.notDue++;
}

interface Ids {
  add(exposure: Exposure): 'new' | 'copy' | 'GBX_ID_REUSED';
  isFull(): boolean;
}

function createIds(idsMax: number): Ids {
  const assignmentById = new Map<string, string>();
  let isFull = false;
  return {
    isFull: () => isFull,
    add({ exposureId, dsUserId, experimentId, variationId }) {
      const id = shortHash([exposureId]);
      const assignment = shortHash([dsUserId, experimentId, variationId]);
      const known = assignmentById.get(id);
      if (known !== undefined) return known === assignment ? 'copy' : 'GBX_ID_REUSED';
      if (assignmentById.size < idsMax) assignmentById.set(id, assignment);
      else isFull = true;
      return 'new';
    },
  };
}

/** 9 bytes: among two million ids no two are likely to meet. */
function shortHash(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, HASH_CHARS);
}
