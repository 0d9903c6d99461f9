// Takes one poll: the positions first, the ends of the logs second, so that a lag cannot come out negative; then ages.
// Called by the command, once or again and again; keeps between polls only what need not be asked again.
import type { Clock } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type {
  GroupAnswer,
  LagSample,
  LagSource,
  LagTarget,
  LagWarehouse,
  LedgerPosition,
  LogAnswer,
  LogPlace,
  PartitionSample,
  SideTopicSample,
  TableFreshness,
  WarehouseSample,
} from './sample.ts';
import { readTimeLags, type TimeLag, type TimeLagMemory, type TimeTarget } from './time-lag.ts';
import { readableFrom } from './window.ts';

export interface SamplerOptions {
  readonly source: LagSource;
  /** Undefined: none is configured. */
  readonly warehouse: LagWarehouse | undefined;
  readonly target: LagTarget;
  /** What lag counts from: the ledger where there is one, or the group all the same. */
  readonly by: 'ledger' | 'group';
  /** The ledger was asked for by name: without it there is no answer. @default false */
  readonly isLedgerRequired?: boolean;
  /** Whether ages are wanted: they cost up to ten requests a broker. */
  readonly isTimed: boolean;
  /** An age that the answer will be held against. */
  readonly limitMs: number | undefined;
  /** The warehouse is not asked again before; a query may cost money. Milliseconds. */
  readonly warehouseEveryMs: number;
  readonly clock: Clock;
}

interface WarehouseRead {
  readonly elapsedMs: number;
  readonly ledger: readonly LedgerPosition[];
  readonly sample: WarehouseSample;
}

/** A reading of the warehouse, and what the group had committed right before. */
interface Reading extends WarehouseRead {
  readonly committed: GroupAnswer['committed'];
}

/** @returns takes one sample a call. Rejects with GBX_TOPIC_MISSING and GBX_GROUP_MISSING too, and what the source throws. */
export function createSampler(options: SamplerOptions): () => Promise<LagSample> {
  const { source, target, clock } = options;
  const memory: TimeLagMemory = new Map();
  let timestampType: string | undefined;
  let reading: Reading | undefined;

  return async () => {
    const startedMs = clock.elapsed();
    const carried = reading !== undefined && startedMs - reading.elapsedMs < options.warehouseEveryMs ? reading : undefined;
    const group = await source.readGroup();
    // In this order: the ledger moves before the group does, so a group that is ahead of it is none that moved in between.
    const read = carried ?? { ...(await readWarehouse(options)), committed: group.committed };
    reading = read;
    const logs = await source.readLogs();
    const atMs = clock.now();
    const elapsedMs = clock.elapsed();
    const places = logs.get(target.topic);
    if (places === undefined) throw new GbxError('GBX_TOPIC_MISSING', `There is no topic ${target.topic}`);
    const ledger = read.ledger.filter(({ clusterId }) => clusterId === group.clusterId);
    assertKnown(group, ledger, target);
    const positions: Positions = { group, ledger, options, committedBefore: carried?.committed };
    const untimed = places.map((place) => samplePartition(place, positions));
    const [type, timed] = options.isTimed
      ? await Promise.all([timestampType ?? source.timestampType(), addAges(untimed, { logs, options, nowMs: atMs, memory })])
      : [undefined, { partitions: untimed, deadLetterAgeMs: undefined }];
    timestampType = type;
    return {
      atMs,
      elapsedMs,
      tookMs: clock.elapsed() - startedMs,
      target,
      clusterId: group.clusterId,
      brokers: group.brokers,
      state: group.state,
      members: group.members,
      partitions: timed.partitions,
      gone: goneFrom(places, ledger, target),
      timestampType,
      deadLetters: {
        topic: target.deadLetterTopic,
        records: recordsOf(logs.get(target.deadLetterTopic)),
        newestAgeMs: timed.deadLetterAgeMs,
      },
      retries: sampleRetries(logs, positions),
      warehouse: read.sample,
    };
  };
}

async function readWarehouse({ warehouse, target, clock, isLedgerRequired = false }: SamplerOptions): Promise<WarehouseRead> {
  const elapsedMs = clock.elapsed();
  if (warehouse === undefined) return { elapsedMs, ledger: [], sample: { kind: 'off' } };
  const topics = target.retryTopic === undefined ? [target.topic] : [target.topic, target.retryTopic];
  try {
    const readAtMs = clock.now();
    const [ledger, freshness] = await Promise.all([
      warehouse.readLedger({ group: target.group, topics }),
      warehouse.readFreshness(readAtMs),
    ]);
    return { elapsedMs, ledger, sample: { kind: 'read', freshness, readAtMs } satisfies WarehouseSample & { freshness: TableFreshness } };
  } catch (error) {
    if (isLedgerRequired) throw error;
    // Kafka alone still tells most of it.
    return { elapsedMs, ledger: [], sample: { kind: 'failed', error: asGbxError(error) } };
  }
}

/** A group that neither Kafka nor the ledger has heard of is a typing error, not a lag of zero. */
function assertKnown(group: GroupAnswer, ledger: readonly LedgerPosition[], target: LagTarget): void {
  const isKnown = group.state !== 'Dead' || (group.committed.get(target.topic)?.size ?? 0) > 0 || ledger.length > 0;
  if (!isKnown) throw new GbxError('GBX_GROUP_MISSING', `Kafka knows no group ${target.group}, and it has no offset on ${target.topic}`);
}

interface Positions {
  readonly group: GroupAnswer;
  readonly ledger: readonly LedgerPosition[];
  readonly options: SamplerOptions;
  /** Where the ledger is as of an earlier poll: what was committed then. */
  readonly committedBefore: GroupAnswer['committed'] | undefined;
}

function samplePartition({ partition, start, end, error }: LogPlace, positions: Positions): PartitionSample {
  const { group, options } = positions;
  const { topic } = options.target;
  const committed = group.committed.get(topic)?.get(partition);
  const row = positions.ledger.find((one) => one.topic === topic && one.partition === partition);
  const { position, by } = positionOf({ committed, row }, positions);
  return {
    partition,
    start,
    end,
    committed,
    loaded: row?.nextOffset,
    loadedAtMs: row?.updatedAtMs,
    position,
    by,
    timeLag: undefined,
    member: group.members.find(({ partitions }) => partitions.includes(partition)),
    error,
  };
}

interface Found {
  readonly committed: bigint | undefined;
  readonly row: LedgerPosition | undefined;
}

/**
 * The group is told after the ledger: where the ledger is as of an earlier poll, a commit since then may tell of a later batch.
 * One that stood there before does not: the ledger knows better.
 */
function positionOf({ committed, row }: Found, { options, committedBefore }: Positions): Pick<PartitionSample, 'position' | 'by'> {
  if (options.by === 'group' || row === undefined) return { position: committed, by: 'group' };
  const isNews = committedBefore !== undefined && committed !== committedBefore.get(row.topic)?.get(row.partition);
  const hasMoved = isNews && committed !== undefined && committed > row.nextOffset;
  return { position: hasMoved ? committed : row.nextOffset, by: 'ledger' };
}

interface AgeContext {
  readonly logs: LogAnswer;
  readonly options: SamplerOptions;
  readonly nowMs: number;
  readonly memory: TimeLagMemory;
}

interface Aged {
  readonly partitions: readonly PartitionSample[];
  readonly deadLetterAgeMs: number | undefined;
}

const NO_AGE: TimeLag = { minMs: 0, maxMs: 0 };

/** One search for all: the first record behind each position, and the newest dead letter. */
async function addAges(partitions: readonly PartitionSample[], { logs, options, nowMs, memory }: AgeContext): Promise<Aged> {
  const { target, source, limitMs } = options;
  const lagging: { readonly index: number; readonly target: TimeTarget }[] = [];
  for (const [index, { partition, start, end, position }] of partitions.entries()) {
    if (start === undefined || end === undefined || position === undefined) continue;
    const offset = readableFrom(position, start);
    if (offset < end) lagging.push({ index, target: { topic: target.topic, partition, offset, end } });
  }
  const letters = (logs.get(target.deadLetterTopic) ?? []).flatMap(({ partition, start, end }) =>
    start === undefined || end === undefined || end <= start ? [] : [{ topic: target.deadLetterTopic, partition, offset: end - 1n, end }],
  );
  const ages = await readTimeLags([...lagging.map((one) => one.target), ...letters], { source, nowMs, memory, limitMs });
  const timed = partitions.map((one) =>
    one.position !== undefined && one.end !== undefined && one.position === one.end ? { ...one, timeLag: NO_AGE } : one,
  );
  for (const [nth, { index }] of lagging.entries()) {
    const one = timed[index];
    if (one !== undefined) timed[index] = { ...one, timeLag: ages[nth] };
  }
  const letterAges = ages.slice(lagging.length).flatMap((age) => age?.maxMs ?? []);
  return { partitions: timed, deadLetterAgeMs: letterAges.length === 0 ? undefined : Math.min(...letterAges) };
}

function recordsOf(places: readonly LogPlace[] | undefined): number | undefined {
  if (places === undefined || places.some(({ start, end }) => start === undefined || end === undefined)) return undefined;
  return places.reduce((sum, { start, end }) => sum + Number((end ?? 0n) - (start ?? 0n)), 0);
}

/** The ledger outlives the topic: what was loaded of a partition that is there no more is no lag, and no secret either. */
function goneFrom(places: readonly LogPlace[], ledger: readonly LedgerPosition[], { topic }: LagTarget): readonly number[] {
  const rows = ledger.filter((row) => row.topic === topic && !places.some(({ partition }) => partition === row.partition));
  return rows.map(({ partition }) => partition).sort((one, other) => one - other);
}

function sampleRetries(logs: LogAnswer, positions: Positions): SideTopicSample | undefined {
  const { retryTopic } = positions.options.target;
  if (retryTopic === undefined) return undefined;
  const waiting = logs.get(retryTopic)?.map((place) => {
    const row = positions.ledger.find((one) => one.topic === retryTopic && one.partition === place.partition);
    const committed = positions.group.committed.get(retryTopic)?.get(place.partition);
    const { position = place.start } = positionOf({ committed, row }, positions);
    return position === undefined || place.end === undefined ? undefined : Math.max(Number(place.end - position), 0);
  });
  const isKnown = waiting !== undefined && !waiting.includes(undefined);
  return {
    topic: retryTopic,
    records: isKnown ? waiting.reduce<number>((sum, count) => sum + (count ?? 0), 0) : undefined,
    newestAgeMs: undefined,
  };
}
