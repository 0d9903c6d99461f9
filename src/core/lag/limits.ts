// What a check or a wait holds a report against: `--max-lag` and its like. Pure. A limit on something that is not known is
// neither kept nor broken: that is an error, since a check that cannot see must not say yes.
import { GbxError } from '../errors.ts';
import type { LagReport, PartitionReport } from './assess.ts';
import type { Severity } from './verdict.ts';

/** All undefined: nothing is checked. */
export interface LagLimits {
  readonly lag: number | undefined;
  readonly partitionLag: number | undefined;
  readonly behindMs: number | undefined;
  readonly deadLetters: number | undefined;
  readonly freshnessMs: number | undefined;
  readonly failOn: 'warn' | 'error' | undefined;
}

export interface Breach {
  readonly rule: 'max-lag' | 'max-partition-lag' | 'max-lag-seconds' | 'max-dlq' | 'max-freshness' | 'fail-on';
  readonly limit: number | string;
  /** Undefined where there is no end to it, as the age of the newest row of an empty table. */
  readonly actual: number | string | undefined;
  readonly partition: number | undefined;
}

export function hasLimits(limits: LagLimits): boolean {
  return Object.values(limits).some((limit) => limit !== undefined);
}

/** @throws {GbxError} where a limit is on something that is not known */
export function findBreaches(report: LagReport, limits: LagLimits): readonly Breach[] {
  return [
    ...checkLag(report, limits),
    ...checkBehind(report, limits),
    ...checkDeadLetters(report, limits),
    ...checkFreshness(report, limits),
    ...checkVerdicts(report, limits),
  ];
}

function checkLag({ total, partitions }: LagReport, { lag, partitionLag }: LagLimits): readonly Breach[] {
  const breaches: Breach[] = [];
  if (lag === undefined && partitionLag === undefined) return breaches;
  // What is known may be too much already.
  const { lagAtLeast = 0 } = total;
  if (lag !== undefined && lagAtLeast > lag) breaches.push({ rule: 'max-lag', limit: lag, actual: lagAtLeast, partition: undefined });
  for (const one of partitions) {
    if (partitionLag === undefined || (one.lag ?? 0) <= partitionLag) continue;
    breaches.push({ rule: 'max-partition-lag', limit: partitionLag, actual: one.lag, partition: one.sample.partition });
  }
  if (breaches.length === 0) assertKnown(partitions, ({ lag: known }) => known !== undefined, 'lag');
  return breaches;
}

function checkBehind({ partitions }: LagReport, { behindMs: limitMs }: LagLimits): readonly Breach[] {
  if (limitMs === undefined) return [];
  const late = partitions.filter(({ sample }) => (sample.timeLag?.minMs ?? 0) > limitMs);
  if (late.length === 0) assertKnown(partitions, ({ lag, sample }) => lag === 0 || sample.timeLag !== undefined, 'time lag');
  return late.map(({ sample }) => ({
    rule: 'max-lag-seconds',
    limit: limitMs / 1000,
    actual: (sample.timeLag?.maxMs ?? 0) / 1000,
    partition: sample.partition,
  }));
}

function assertKnown(partitions: readonly PartitionReport[], isKnown: (one: PartitionReport) => boolean, what: string): void {
  const unknown = partitions.filter((one) => !isKnown(one));
  if (unknown.length === 0) return;
  const names = unknown.map(({ sample }) => `p${sample.partition}`).join(', ');
  const reason = unknown[0]?.sample.error ?? unknown[0]?.because ?? '';
  throw new GbxError('GBX_LAG_UNKNOWN', `The ${what} of ${names} is not known, so the check has no answer: ${reason}`);
}

function checkDeadLetters({ deadLetters: { topic, records } }: LagReport, { deadLetters: limit }: LagLimits): readonly Breach[] {
  if (limit === undefined) return [];
  if (records === undefined)
    throw new GbxError('GBX_LAG_UNKNOWN', `The dead letters in ${topic} cannot be counted: no such topic, or no right to see it`);
  return records > limit ? [{ rule: 'max-dlq', limit, actual: records, partition: undefined }] : [];
}

function checkFreshness({ sample, freshnessMs }: LagReport, { freshnessMs: limitMs }: LagLimits): readonly Breach[] {
  if (limitMs === undefined) return [];
  if (sample.warehouse.kind === 'failed') throw sample.warehouse.error;
  if (freshnessMs !== undefined && freshnessMs <= limitMs) return [];
  return [
    {
      rule: 'max-freshness',
      limit: limitMs / 1000,
      actual: freshnessMs === undefined ? undefined : freshnessMs / 1000,
      partition: undefined,
    },
  ];
}

const FAILS_ON: Readonly<Record<'warn' | 'error', readonly Severity[]>> = { warn: ['warn', 'error'], error: ['error'] };

function checkVerdicts({ partitions }: LagReport, { failOn }: LagLimits): readonly Breach[] {
  if (failOn === undefined) return [];
  const bad = partitions.filter(({ severity }) => FAILS_ON[failOn].includes(severity));
  return bad.map(({ verdict, sample }) => ({ rule: 'fail-on', limit: failOn, actual: verdict, partition: sample.partition }));
}
