// Whether what a plan pinned is still there: the same cluster, the same topic, its records not expired.
import { GbxError } from '../errors.ts';
import { rangesOf } from './gather.ts';
import type { Plan } from './plan.ts';
import type { ReplayLogs } from './ports.ts';

/**
 * @returns indexes of entries from `next` on whose records have expired
 * @throws {GbxError} GBX_TOPIC_CHANGED where cluster or topic are others than those of the plan, GBX_TOPIC_MISSING
 */
export async function findExpired(
  plan: Plan,
  next: number,
  { logs, clusterId }: { readonly logs: ReplayLogs; readonly clusterId: string },
): Promise<readonly number[]> {
  if (clusterId !== plan.clusterId) throw changed(plan, `this is the cluster ${clusterId}, and it was made on ${plan.clusterId}`);
  const now = new Map((await rangesOf(logs, plan.sourceTopic)).map((range) => [range.partition, range]));
  for (const { partition, end } of plan.ranges) {
    const range = now.get(partition);
    if (range === undefined) throw changed(plan, `${plan.sourceTopic} has no partition ${partition} any more`);
    if (range.end < end) throw changed(plan, `${plan.sourceTopic}/${partition} ends at ${range.end} and ended at ${end} when it was made`);
  }
  const expired: number[] = [];
  for (const [index, { partition, offset }] of plan.entries.entries())
    if (index >= next && offset < (now.get(partition)?.start ?? 0n)) expired.push(index);
  return expired;
}

export function changed({ id }: Pick<Plan, 'id'>, why: string): GbxError {
  return new GbxError('GBX_TOPIC_CHANGED', `Cannot run the plan ${id} as its topic is another one: ${why}`, {
    hint: 'make a new plan: gbx replay plan',
  });
}
