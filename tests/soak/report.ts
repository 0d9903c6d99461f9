// What a soak found, as one object for the result file and as text for people. A soak is clean when nothing is lost,
// doubled, altered or from nowhere, enough happened (vacuity.ts), and loading came back after each fault in its time.
import type { PostedAccount } from '../support/posted-accounting.ts';
import type { Recovery } from './faults.ts';
import type { Accept } from './soak.ts';

export interface SoakResult {
  readonly seed: number;
  readonly minutes: number;
  /** What an answer of 2xx waited for. */
  readonly accept: Accept;
  readonly machine: string;
  readonly startedAt: string;
  readonly account: PostedAccount;
  /** Rows in the table. */
  readonly rows: number;
  readonly posts: number;
  readonly postedTwice: number;
  readonly garbage: number;
  readonly refused: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly recoveries: readonly Recovery[];
  /** From the answer of 2xx to the row's `created_at`. */
  readonly loadDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly drainMs: number;
  /** How often what the faults are to bring about was seen in the logs. */
  readonly seen: Readonly<Record<string, number>>;
  readonly rssPeakBytes: number;
  /** Whatever makes the run unclean, in words. */
  readonly problems: readonly string[];
}

const SESSION_MS = 6_000;

/** The figures to reach, by kind: which time, and the most it may take. */
const LIMITS: Readonly<Partial<Record<Recovery['kind'], { readonly time: 'firstMs' | 'allMs'; readonly ms: number }>>> = {
  'kill-consumer': { time: 'allMs', ms: SESSION_MS + 5_000 },
  'freeze-consumer': { time: 'allMs', ms: SESSION_MS + 5_000 },
  'warehouse-cut': { time: 'firstMs', ms: 5_000 },
  'warehouse-silent': { time: 'firstMs', ms: 5_000 },
};

/** Those beyond their limit, or that did not come back before the next fault. */
export function lateRecoveries(recoveries: readonly Recovery[]): readonly string[] {
  return recoveries.flatMap((recovery) => {
    const { kind, atMs, partitions } = recovery;
    const where = `${kind} at ${Math.round(atMs / 1000)} s`;
    if (kind === 'kill-serve' || kind === 'freeze-serve')
      return recovery.acceptMs === undefined ? [`${where}: nothing accepted afterwards`] : [];
    if (partitions === 0) return [];
    const limit = LIMITS[kind];
    const took = recovery[limit?.time ?? 'firstMs'];
    if (took === undefined) return [`${where}: loading did not go on before the next fault`];
    return limit !== undefined && took > limit.ms ? [`${where}: loading went on after ${took} ms, ${limit.ms} allowed`] : [];
  });
}

export function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

export function formatResult(result: SoakResult): string {
  const { account, loadDelayMs: delay, problems } = result;
  const lines = [
    `soak of ${result.minutes} min, seed ${result.seed}, accept ${result.accept}, ${result.machine}`,
    `posted        ${result.posts} exposures, ${result.postedTwice} of them twice; ${result.refused} to be refused by the warehouse, ${result.garbage} no exposures`,
    `answered      ${account.ok} accepted, ${account.fail} refused, ${account.unknown} unknown (${account.unknownStored} of these stored)`,
    `found         ${result.rows} rows, ${account.deadLetters} dead letters (${account.lettersRepeated} repeated)`,
    `wrong         ${['lost', 'doubled', 'altered', 'from nowhere'].map((word) => `${countOf(account.problems, word)} ${word}`).join(', ')}`,
    `load delay    p50 ${delay.p50} ms, p99 ${delay.p99} ms, longest ${delay.max} ms; drained ${result.drainMs} ms after the end`,
    `faults fired  ${pairs(result.faults)}`,
    `seen          ${pairs(result.seen)}`,
    `memory        ${Math.round(result.rssPeakBytes / 1e6)} MB at most in one process`,
    'time to recover, ms (first row of any partition touched; of the last of them; first 2xx):',
    ...recoveryLines(result.recoveries),
    problems.length === 0
      ? 'clean'
      : `NOT CLEAN:\n${problems
          .slice(0, 40)
          .map((problem) => `  ${problem}`)
          .join('\n')}`,
  ];
  return `${lines.join('\n')}\n`;
}

function recoveryLines(recoveries: readonly Recovery[]): string[] {
  return [...new Set(recoveries.map(({ kind }) => kind))].sort().map((kind) => {
    const own = recoveries.filter((one) => one.kind === kind);
    const column = (name: 'firstMs' | 'allMs' | 'acceptMs'): string => {
      const times = own.flatMap((one) => one[name] ?? []).sort((one, other) => one - other);
      return times.length === 0 ? '-' : `${percentile(times, 0.5)} (max ${times.at(-1)})`;
    };
    return `  ${kind.padEnd(17)} ${String(own.length).padStart(3)} x   ${[column('firstMs'), column('allMs'), column('acceptMs')].map((text) => text.padEnd(20)).join('')}`;
  });
}

function countOf(problems: readonly string[], word: string): number {
  return problems.filter((problem) => problem.startsWith(word)).length;
}

function pairs(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
