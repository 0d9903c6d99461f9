// The end of a soak: clients stop, what is in the log is loaded, everything is read back and accounted for.
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from '../support/eventually.ts';
import { logLines } from '../support/log-lines.ts';
import { readRows } from '../support/pipeline.ts';
import { takePostedAccount } from '../support/posted-accounting.ts';
import { metricOf } from '../support/spooling.ts';
import { endOffsets, readTopic } from '../support/topic-log.ts';
import type { Recovery } from './faults.ts';
import { lateRecoveries, percentile, type SoakResult } from './report.ts';
import type { PlannedFault } from './schedule.ts';
import { PASSWORD } from './servers.ts';
import type { Accept, Soak } from './soak.ts';
import { vacuousIn } from './vacuity.ts';

const DRAIN_MS_MAX = 180_000;
/** Longer than a requeued record is held back. */
const STILL_MS = 3_000;
const RETRIES_MAX = 3;
const RSS_BYTES_MAX = 400_000_000;
const TRACES_MAX = 10;
/** Of a soak that says anything. */
const ACCEPTED_MIN_PER_MINUTE = 3_000;

export interface SoakRun {
  readonly soak: Soak;
  readonly minutes: number;
  readonly seed: number;
  readonly machine: string;
  readonly startedAt: string;
  readonly accept: Accept;
  readonly plan: readonly PlannedFault[];
  readonly recoveries: readonly Recovery[];
}

export async function readResult(run: SoakRun): Promise<SoakResult> {
  const { soak, recoveries, plan, ...facts } = run;
  const { pipeline, posting, garbage, fleet, scene } = soak;
  await Promise.all([posting.stop(), garbage.stop()]);
  const stoppedMs = performance.now();
  const undrained = await untilStill(soak).then(
    () => [],
    (error: unknown) => [`not drained after ${DRAIN_MS_MAX / 1000} s: ${String(error).slice(0, 300)}`],
  );
  const drainMs = Math.round(performance.now() - stoppedMs);
  await Promise.all([...scene.consumers, scene.serve].map((member) => member.weigh()));
  const { rssPeakBytes } = fleet;
  const { brokers, topic, deadLetterTopic } = pipeline;
  const [rows, letters, records] = await Promise.all([
    readRows(pipeline.database),
    readTopic({ brokers, topic: deadLetterTopic }),
    readTopic({ brokers, topic }),
  ]);
  const account = takePostedAccount({ posted: posting.books, garbage: garbage.books, rows, letters });
  const ids = new Set(posting.books.map(({ row }) => row.exposureId));
  const refused = new Set(posting.books.filter(({ end }) => end === 'letter').map(({ row }) => row.exposureId));
  const postedTwice = posting.books.length - ids.size;
  const seen = seenIn(soak);
  const happened = {
    ...facts,
    planned: plan.map(({ kind }) => kind),
    fired: recoveries,
    seen,
    postedTwice,
    deadLetters: account.deadLetters,
  };
  const faults = countBy(recoveries.map(({ kind }) => kind));
  const problems = [
    ...account.problems,
    ...tracesOf(account.problems, records),
    ...(account.problems.length > 0 ? [`ledger ${pairsOf(await pipeline.ledger())}, log ends ${pairsOf(await endOffsets(pipeline))}`] : []),
    ...undrained,
    ...scene.progress.setbacks.map((setback) => `the ledger went back: ${setback}`),
    ...fleet.unexpected,
    ...vacuousIn(happened),
    ...lateRecoveries(recoveries),
    ...wrongRetries(records, refused),
    ...(fleet.all.some((one) => one.stderr().includes(PASSWORD)) ? ['the password stands in a log'] : []),
    ...(rssPeakBytes > RSS_BYTES_MAX ? [`a process holds ${Math.round(rssPeakBytes / 1e6)} MB`] : []),
    ...(account.ok < run.minutes * ACCEPTED_MIN_PER_MINUTE ? [`only ${account.ok} exposures were accepted: this soak says nothing`] : []),
  ];
  return {
    ...facts,
    account,
    rows: rows.length,
    posts: posting.books.length,
    postedTwice,
    garbage: garbage.books.length,
    refused: refused.size,
    faults,
    recoveries,
    loadDelayMs: await loadDelays(soak),
    drainMs,
    seen,
    rssPeakBytes,
    problems,
  };
}

/** Until the spool is empty, and the ledger at the end of the log and both stay there: requeued records come back to the log's end. */
async function untilStill({ pipeline, serveUrl, accept }: Soak): Promise<void> {
  const deadlineMs = performance.now() + DRAIN_MS_MAX;
  if (accept === 'spool') {
    const isEmpty = async (): Promise<boolean> => (await metricOf({ url: serveUrl }, 'gbx_spool_records')) === 0;
    await eventually('the spool to be empty', isEmpty, { timeoutMs: DRAIN_MS_MAX });
  }
  for (;;) {
    const ends = await endOffsets(pipeline);
    await pipeline.untilDrained({ timeoutMs: Math.max(1_000, deadlineMs - performance.now()) });
    await systemClock.sleep(STILL_MS);
    // The same end as before the wait: nothing was written while the ledger came to it.
    const [after, ledger] = [await endOffsets(pipeline), await pipeline.ledger()];
    const isStill = [...after].every(([partition, end]) => ends.get(partition) === end && (ledger.get(partition) ?? 0n) >= end);
    if (isStill) return;
  }
}

/** Where the records of a lost exposure stand, with their headers: what there is to go by when the servers are gone. */
function tracesOf(problems: readonly string[], records: Awaited<ReturnType<typeof readTopic>>): string[] {
  const lost = problems.flatMap((problem) => /^(?:lost|doubled): (\S+)/u.exec(problem)?.[1] ?? []).slice(0, TRACES_MAX);
  return lost.flatMap((id) =>
    records
      .filter(({ value }) => String(value).includes(`"${id}"`))
      .map(({ partition, offset, headers }) => `trace of ${id}: ${partition}/${offset} ${JSON.stringify(headers)}`),
  );
}

function pairsOf(offsets: ReadonlyMap<number, bigint>): string {
  return [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(' ');
}

/** I10: only what the warehouse refused was produced again, and never more often than it may be. */
function wrongRetries(records: Awaited<ReturnType<typeof readTopic>>, refused: ReadonlySet<string>): string[] {
  return records.flatMap(({ headers, value, partition, offset }) => {
    const count = headers['gbx-retry-count'];
    if (count === undefined) return [];
    const { exposure_id: id } = JSON.parse(String(value)) as { exposure_id: string };
    if (Number(count) > RETRIES_MAX) return [`retried ${count} times: ${id} (${partition}/${offset})`];
    return refused.has(id) ? [] : [`retried although it is good: ${id} (${partition}/${offset})`];
  });
}

async function loadDelays({ database, posting }: Soak): Promise<SoakResult['loadDelayMs']> {
  const rows = await database.query<{ id: string; ms: string }>(
    'SELECT exposure_id AS id, (extract(epoch from created_at) * 1000)::bigint::text AS ms FROM growthbook.experiment_exposures',
  );
  const createdAtMs = new Map(rows.map(({ id, ms }) => [id, Number(ms)]));
  const seen = new Set<string>();
  const delays: number[] = [];
  for (const { row, acceptedAtMs } of posting.books) {
    const created = createdAtMs.get(row.exposureId);
    if (acceptedAtMs === undefined || created === undefined || seen.has(row.exposureId)) continue;
    seen.add(row.exposureId);
    delays.push(Math.max(0, created - acceptedAtMs));
  }
  delays.sort((one, other) => one - other);
  return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), max: Math.round(delays.at(-1) ?? 0) };
}

const SEEN = [
  'group.joined',
  'partitions.claimed',
  'batch.fenced',
  'circuit.opened',
  'group.commit_failed',
  'kafka.request_timed_out',
  'spool.found',
];

/** Anti-vacuity: what the faults are to bring about did come about. */
function seenIn({ fleet }: Soak): Readonly<Record<string, number>> {
  const lines = fleet.all.flatMap(logLines);
  const counts = Object.fromEntries(SEEN.map((event) => [event, lines.filter((line) => line.event === event).length]));
  const loaded = lines.filter((line) => line.event === 'batch.loaded');
  const sum = (name: string): number => loaded.reduce((total, line) => total + Number(line[name] ?? 0), 0);
  return {
    processes: fleet.all.length,
    ...counts,
    'batches loaded': loaded.length,
    'commits settled by the ledger': loaded.filter((line) => line['inserted'] === 'by an earlier attempt').length,
    'rows kept out by the anti-join': sum('inTableAlready'),
    'copies in a batch': sum('inBatchTwice'),
  };
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, names.filter((one) => one === name).length]));
}
