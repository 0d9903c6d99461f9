// Samples for the tests of lag, made from the few numbers a test is about.
import type { AssessOptions } from '../../../src/core/lag/assess.ts';
import type { GroupMember, LagSample, PartitionSample } from '../../../src/core/lag/sample.ts';

export const START_MS = Date.UTC(2026, 0, 15, 12);

export const OPTIONS: AssessOptions = { allowedLag: 0, stallAfterMs: undefined, expectedGapMs: 1_000, startFrom: 'earliest' };

export const MEMBER: GroupMember = { memberId: 'm-1', clientId: 'gbx-consume', host: '10.0.0.1', partitions: [0] };

export function partitionSample(changes: Partial<PartitionSample> = {}): PartitionSample {
  const position = 'position' in changes ? changes.position : 100n;
  return {
    partition: 0,
    start: 0n,
    end: 100n,
    committed: position,
    loaded: undefined,
    loadedAtMs: undefined,
    position,
    by: 'group',
    timeLag: undefined,
    member: MEMBER,
    error: undefined,
    ...changes,
  };
}

interface Changes extends Partial<Omit<LagSample, 'partitions'>> {
  /** Since the first sample. @default 0 */
  readonly second?: number;
}

export function lagSample(partitions: readonly Partial<PartitionSample>[], { second = 0, ...changes }: Changes = {}): LagSample {
  return {
    atMs: START_MS + second * 1000,
    elapsedMs: second * 1000,
    tookMs: 12.34,
    target: { group: 'g', topic: 't', deadLetterTopic: 't.dlq', retryTopic: undefined },
    clusterId: 'c',
    brokers: ['b:9092'],
    state: 'Stable',
    members: [MEMBER],
    partitions: partitions.map((one, partition) => partitionSample({ partition, ...one })),
    gone: [],
    timestampType: 'CreateTime',
    deadLetters: { topic: 't.dlq', records: 0, newestAgeMs: undefined },
    retries: undefined,
    warehouse: { kind: 'off' },
    ...changes,
  };
}

/** One partition, a sample a second: [position, end] each. */
export function history(
  points: readonly (readonly [number, number])[],
  changes: Changes & { readonly partition?: Partial<PartitionSample> } = {},
): LagSample[] {
  const { partition, ...rest } = changes;
  return points.map(([position, end], second) =>
    lagSample([{ position: BigInt(position), end: BigInt(end), ...partition }], { second, ...rest }),
  );
}
