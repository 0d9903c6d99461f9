// The state behind a source: which partitions are ours, where each is read from, what waits to be taken, and whether there
// is room for more. open-source.ts feeds it from kafkajs's callbacks; it knows no Kafka and waits for nothing.
import type { LogRecord } from '../core/exposure/exposure.ts';
import type { SourceEvent } from '../core/load/ports.ts';

export interface SourceControls {
  /** Nothing is fetched any more, of any partition. */
  pauseAll(): void;
  resume(partitions: readonly number[]): void;
  seek(partition: number, offset: bigint): void;
}

interface FetchedRecords {
  readonly partition: number;
  readonly fetchOffset: bigint;
  readonly nextOffset: bigint;
  readonly endOffset: bigint;
  readonly records: readonly LogRecord[];
  readonly bytes: number;
}

/** A stretch of the log that holds nothing to be read: marks of transactions, compacted records. */
interface SkippedOffsets {
  readonly partition: number;
  /** From where it was fetched. */
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  readonly endOffset: bigint;
}

export interface SourceBuffer {
  /** A new assignment: nothing of the former one is given out after this. */
  joined(partitions: readonly number[]): void;
  /** Whether records of this partition are wanted: it is ours and was sought. */
  accepts(partition: number): boolean;
  /** From the limit on, until half of it is free again. */
  isFull(): boolean;
  push(fetched: FetchedRecords): void;
  skip(skipped: SkippedOffsets): void;
  /** kafkajs set the position anew by itself. */
  positionLost(partition: number): void;
  /** Ignored while a join waits to be taken: then it was meant for the assignment before. */
  seek(positions: ReadonlyMap<number, bigint>): void;
  /** Which of these belong to the assignment that was taken last, and are still ours. */
  owned(partitions: Iterable<number>): number[];
  take(): SourceEvent | undefined;
}

interface SourceBufferOptions {
  /** What may wait; what one answer of the broker brings beyond it is kept all the same. */
  readonly bytesMax: number;
  readonly controls: SourceControls;
  /** Something can be taken. */
  readonly onEvent: () => void;
  /** It is no longer full. */
  readonly onRoom: () => void;
}

type RecordsEvent = Extract<SourceEvent, { kind: 'records' }>;

interface BufferState extends SourceBufferOptions {
  queue: SourceEvent[];
  bytes: number;
  isFull: boolean;
  joinWaits: boolean;
  assigned: ReadonlySet<number>;
  /** Of the partitions that were sought: what the next records follow on; undefined once that is unknown. */
  readonly positions: Map<number, bigint | undefined>;
}

export function createSourceBuffer(options: SourceBufferOptions): SourceBuffer {
  const state: BufferState = {
    ...options,
    queue: [],
    bytes: 0,
    isFull: false,
    joinWaits: false,
    assigned: new Set(),
    positions: new Map(),
  };
  const { positions } = state;
  return {
    joined: (partitions) => join(state, partitions),
    accepts: (partition) => positions.has(partition),
    isFull: () => state.isFull,
    push: (fetched) => {
      if (positions.has(fetched.partition)) enqueue(state, { kind: 'records', ...fetched });
    },
    skip: ({ firstOffset, ...skipped }) => {
      if (!positions.has(skipped.partition)) return;
      // Asked for before a seek; a stretch beyond the position is given as it is, for whoever takes it to see the gap.
      if (skipped.nextOffset <= (positions.get(skipped.partition) ?? firstOffset)) return;
      enqueue(state, { kind: 'records', ...skipped, fetchOffset: firstOffset, records: [], bytes: 0 });
    },
    positionLost: (partition) => {
      if (positions.has(partition)) positions.set(partition, undefined);
    },
    seek: (wanted) => {
      if (!state.joinWaits) seek(state, wanted);
    },
    owned: (partitions) => (state.joinWaits ? [] : [...partitions].filter((partition) => state.assigned.has(partition))),
    take: () => take(state),
  };
}

function join(state: BufferState, partitions: readonly number[]): void {
  state.assigned = new Set(partitions);
  state.positions.clear();
  state.bytes = 0;
  state.joinWaits = true;
  state.controls.pauseAll();
  state.queue = [{ kind: 'joined', partitions: [...partitions].sort((a, b) => a - b) }];
  makeRoom(state);
  state.onEvent();
}

function enqueue(state: BufferState, event: RecordsEvent): void {
  state.positions.set(event.partition, event.nextOffset);
  state.queue.push(event);
  state.bytes += event.bytes;
  if (state.bytes > state.bytesMax) state.isFull = true;
  state.onEvent();
}

function seek(state: BufferState, wanted: ReadonlyMap<number, bigint>): void {
  const { assigned, positions, controls } = state;
  const sought = [...wanted].filter(([partition]) => assigned.has(partition));
  state.queue = state.queue.filter((event) => event.kind === 'joined' || !wanted.has(event.partition));
  state.bytes = state.queue.reduce((sum, event) => sum + (event.kind === 'records' ? event.bytes : 0), 0);
  for (const [partition, offset] of sought) {
    positions.set(partition, offset);
    controls.seek(partition, offset);
  }
  controls.resume(sought.map(([partition]) => partition));
  makeRoom(state);
}

function take(state: BufferState): SourceEvent | undefined {
  const event = state.queue.shift();
  if (event?.kind === 'joined') state.joinWaits = false;
  if (event?.kind === 'records') {
    state.bytes -= event.bytes;
    makeRoom(state);
  }
  return event;
}

/** Half of it free again: fewer, longer waits. */
function makeRoom(state: BufferState): void {
  if (!state.isFull || state.bytes > state.bytesMax / 2) return;
  state.isFull = false;
  state.onRoom();
}
