// What is being gathered for one question, and the way each part of it is asked. Shared by find.ts, read-progress.ts and
// read-rows.ts.
import { asGbxError, type GbxError } from '../errors.ts';
import type { SpoolSeen } from './look-spool.ts';
import type { TopicSeen } from './look-topic.ts';
import type { Matcher } from './match.ts';
import type { FindDeps, FindPlan, Part } from './ports.ts';
import type { Begin } from './since.ts';
import type { Trails } from './trails.ts';
import type { Progress } from './verdict.ts';

export type PartName = 'spool' | 'kafka' | 'warehouse';

export interface Look {
  readonly plan: FindPlan;
  readonly deps: FindDeps;
  readonly begin: Begin;
  readonly match: Matcher;
  readonly trails: Trails;
  readonly topics: Map<string, TopicSeen>;
  readonly failures: Map<PartName, GbxError>;
  readonly cursors: Map<string, bigint>;
  spool: SpoolSeen | undefined;
  clusterId: string | undefined;
  progress: ReadonlyMap<string, Progress>;
  areLettersMissing: boolean;
  isTableSeen: boolean;
  areLettersSeen: boolean;
}

/** A part that is absent is left out, and one that failed is not asked again: what went wrong is kept. @throws what is a bug */
export async function attempt<T>(
  look: Look,
  { name, part }: { readonly name: PartName; readonly part: Part<T> },
  work: (it: T) => Promise<void>,
): Promise<void> {
  if (part.kind === 'absent' || look.failures.has(name)) return;
  if (part.kind === 'failed') {
    look.failures.set(name, part.error);
    return;
  }
  try {
    await work(part.it);
  } catch (error) {
    if (look.deps.signal.aborted) throw error;
    const known = asGbxError(error);
    if (known.code === 'GBX_BUG' || known.code === 'GBX_USAGE') throw error;
    look.failures.set(name, known);
  }
}
