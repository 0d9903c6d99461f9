// Puts a plan together from what was selected: pins what it stands on, so that it means the same records when it is run.
import type { Candidate } from './gather.ts';
import { formatPlan, type Plan, type PlanEntry, type PlanHead } from './plan.ts';
import type { SkipReason } from './select.ts';

export interface PlannedCandidate extends Candidate {
  readonly edited?: PlanEntry['edited'];
}

export interface Chosen {
  readonly chosen: readonly PlannedCandidate[];
  readonly skipped: ReadonlyMap<SkipReason, number>;
}

/** @returns its text as well, for the file */
export function makePlan(
  facts: Omit<PlanHead, 'skipped' | 'codes'>,
  { chosen, skipped }: Chosen,
): { readonly text: string; readonly plan: Plan } {
  const codes: Record<string, number> = {};
  const entries: PlanEntry[] = [];
  for (const { partition, offset, origin, exposure, hash, replayCount, code, edited } of chosen) {
    if (exposure === undefined) continue;
    codes[code] = (codes[code] ?? 0) + 1;
    entries.push({ partition, offset, origin, exposure, hash, replayCount, edited });
  }
  return formatPlan({ ...facts, skipped: Object.fromEntries(skipped), codes }, entries);
}
