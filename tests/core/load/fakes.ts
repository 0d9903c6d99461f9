// A source and a warehouse that a test scripts step by step, where the model test would leave the order to chance.

import { GbxError } from '../../../src/core/errors.ts';
import { decodeRecord } from '../../../src/core/exposure/decode.ts';
import type { Exposure, LogRecord } from '../../../src/core/exposure/exposure.ts';
import { createCircuit } from '../../../src/core/load/circuit.ts';
import { runLoad } from '../../../src/core/load/load.ts';
import type { LoadDeps, LoadOptions } from '../../../src/core/load/loop.ts';
import type {
  DeadLetter,
  FlushOutcome,
  FlushRequest,
  LedgerRow,
  LoadSummary,
  PartitionOffsets,
  RequeuedRecord,
  Source,
  SourceEvent,
  Warehouse,
} from '../../../src/core/load/ports.ts';
import { type ManualClock, manualClock, seededRandom } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';
import { collectingMetrics } from '../../support/metrics.ts';

export const AT_MS = Date.UTC(2026, 0, 15);

export function exposureRecord(offset: number, partition = 0): LogRecord {
  const value = JSON.stringify({
    exposure_id: `e${partition}-${offset}`,
    ds_user_id: 'u',
    experiment_id: 'x',
    variation_id: '1',
    timestamp: new Date(AT_MS).toISOString(),
  });
  return { partition, offset: BigInt(offset), timestampMs: AT_MS, key: null, value: Buffer.from(value), headers: {} };
}

export function recordsEvent(records: readonly LogRecord[], over: Partial<Extract<SourceEvent, { kind: 'records' }>> = {}): SourceEvent {
  const nextOffset = (records.at(-1)?.offset ?? -1n) + 1n;
  return {
    kind: 'records',
    partition: records[0]?.partition ?? 0,
    fetchOffset: records[0]?.offset ?? 0n,
    nextOffset,
    endOffset: nextOffset,
    records,
    bytes: 1,
    ...over,
  };
}

interface FakeSource extends Source {
  readonly sought: Map<number, bigint>[];
  readonly committed: Map<number, bigint>[];
  known: PartitionOffsets[];
  give(event: SourceEvent): void;
  fail(error: Error): void;
}

export function fakeSource(clock: ManualClock): FakeSource {
  const queue: (SourceEvent | Error)[] = [];
  let wake = (): void => undefined;
  const put = (item: SourceEvent | Error): void => {
    queue.push(item);
    wake();
  };
  return {
    clusterId: 'c',
    topic: 'exposures',
    group: 'g',
    sought: [],
    committed: [],
    known: [],
    give: put,
    fail: put,
    async take(ms, signal) {
      if (queue.length === 0) await Promise.race([clock.sleep(ms, signal), new Promise<void>((resolve) => (wake = resolve))]);
      const item = queue.shift();
      if (item instanceof Error) throw item;
      return item;
    },
    async offsets(partitions) {
      return this.known.filter((one) => partitions.includes(one.partition));
    },
    seek(positions) {
      this.sought.push(new Map(positions));
    },
    async commit(positions) {
      this.committed.push(new Map(positions));
    },
  };
}

interface FakeWarehouse extends Warehouse {
  readonly ledger: Map<number, LedgerRow>;
  readonly flushed: FlushRequest[];
  /** What the next flushes answer; a flush that succeeds once they are used up. */
  readonly answers: (FlushOutcome | Error | Promise<FlushOutcome>)[];
  /** What tryRows was asked, in turn; refused are rows that `refuses` says. */
  readonly tried: (readonly Exposure[])[];
  /** What the next trials throw, before they look at the rows. */
  readonly trialErrors: Error[];
  /** The table's constraint. */
  refuses: (row: Exposure) => boolean;
  /** Ids in the table. */
  readonly table: string[];
}

export function fakeWarehouse(): FakeWarehouse {
  return {
    ledger: new Map(),
    flushed: [],
    answers: [],
    tried: [],
    trialErrors: [],
    refuses: () => false,
    table: [],
    async claim({ partitions, owner, host, startAt }) {
      return partitions.map((partition) => {
        const row = this.ledger.get(partition);
        const claimed: LedgerRow = {
          partition,
          nextOffset: row?.nextOffset ?? startAt.get(partition) ?? 0n,
          epoch: (row?.epoch ?? 0) + 1,
          owner,
          host,
          lastRecord: row?.lastRecord,
        };
        this.ledger.set(partition, claimed);
        return claimed;
      });
    },
    async readLedger() {
      return [...this.ledger.values()];
    },
    async flush(request) {
      this.flushed.push(request);
      const answer = this.answers.shift();
      if (answer instanceof Error) throw answer;
      if (answer !== undefined) return answer;
      const lacking = request.rows.filter(({ exposureId }) => !this.table.includes(exposureId));
      assertTaken(lacking, this.refuses);
      this.table.push(...lacking.map(({ exposureId }) => exposureId));
      for (const step of request.steps) {
        const row = this.ledger.get(step.partition);
        if (row !== undefined) this.ledger.set(step.partition, { ...row, nextOffset: step.to, lastRecord: step.lastRecord });
      }
      return { kind: 'loaded', inserted: lacking.length, durations: { stageMs: 0, lockMs: 0, insertMs: 0, commitMs: 0 } };
    },
    async findLoaded(rows) {
      return new Set(rows.map(({ exposureId }) => exposureId).filter((id) => this.table.includes(id)));
    },
    async tryRows(rows) {
      this.tried.push(rows);
      const error = this.trialErrors.shift();
      if (error !== undefined) throw error;
      const lacking = rows.filter(({ exposureId }) => !this.table.includes(exposureId));
      assertTaken(lacking, this.refuses);
      return lacking.length;
    },
  };
}

function assertTaken(rows: readonly Exposure[], refuses: (row: Exposure) => boolean): void {
  if (rows.some(refuses)) throw new GbxError('GBX_ROW_REFUSED', 'cannot load: w.example:5439: no good', { cause: new Error('no good') });
}

export interface Bench {
  readonly clock: ManualClock;
  readonly source: FakeSource;
  readonly warehouse: FakeWarehouse;
  readonly log: ReturnType<typeof collectingLog>;
  readonly metrics: ReturnType<typeof collectingMetrics>;
  readonly letters: DeadLetter[];
  readonly requeued: RequeuedRecord[];
  readonly deps: LoadDeps;
  readonly options: LoadOptions;
}

export function setUp(): Bench {
  const [clock, log, metrics, warehouse] = [manualClock(), collectingLog(), collectingMetrics(), fakeWarehouse()];
  const source = fakeSource(clock);
  const letters: DeadLetter[] = [];
  const requeued: RequeuedRecord[] = [];
  let owners = 0;
  const deps: LoadDeps = {
    source,
    warehouse,
    writeDeadLetters: async (given, onWritten) => {
      for (const letter of given) {
        letters.push(letter);
        onWritten(letter);
      }
    },
    requeue: async (given, onWritten) => {
      for (const one of given) {
        requeued.push(one);
        onWritten(one);
      }
    },
    random: seededRandom(2),
    decode: (record) => decodeRecord(record, { clusterId: 'c', topic: 'exposures' }),
    newOwner: () => `owner-${owners++}`,
    status: { partitions: undefined, isDraining: false },
    circuit: createCircuit({ clock, random: seededRandom(1), log, metrics }),
    clock,
    log,
    metrics,
  };
  const policy = { rowsDue: 2, ageDueMs: 30_000, rowsMax: 4, bytesMax: 1_000_000 };
  return {
    clock,
    source,
    warehouse,
    log,
    metrics,
    letters,
    requeued,
    deps,
    options: { policy, retry: { max: 3, backoffMs: [1_000, 4_000, 16_000] }, host: 'h', startFrom: 'earliest', drainTimeoutMs: 1_000 },
  };
}

interface Running {
  /** Lets this much time pass in small steps. */
  pass(ms: number): Promise<void>;
  stop(): Promise<LoadSummary | Error>;
  ended(): LoadSummary | Error | undefined;
}

/** Runs the loop until it is stopped. */
export function start({ deps, options, clock }: Bench): Running {
  const controller = new AbortController();
  let result: LoadSummary | Error | undefined;
  runLoad(deps, options, controller.signal).then(
    (summary) => (result = summary),
    (error: Error) => (result = error),
  );
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) await clock.advance(Math.min(100, left));
  };
  return {
    pass,
    ended: () => result,
    async stop() {
      controller.abort();
      await pass(3_000);
      return result ?? new Error('did not stop');
    },
  };
}

/** Gives partition 0 to this member. */
export function joined(bench: Bench, end = 100n): void {
  bench.source.known = [{ partition: 0, start: 0n, end, committed: undefined }];
  bench.source.give({ kind: 'joined', partitions: [0] });
}
