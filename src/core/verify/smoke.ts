// `gbx smoke`: posts exposures to a running serve, waits until each can be read from the warehouse, then looks once more at
// all of them. The posting and the reading are passed in; this decides what is waited for, how long, and what the answer is.
import type { Clock, Random } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Exposure } from '../exposure/exposure.ts';
import { parsePosted } from '../exposure/posted.ts';
import type { ReadExposures, StoredExposure } from '../exposure/stored.ts';
import { backoffMs } from '../retry.ts';
import type { Manifest, SentExposure } from '../traffic/manifest.ts';
import { createTraffic, type PostedExposure } from '../traffic/traffic.ts';
import { type Comparison, compareSent, isBroken } from './compare.ts';
import { contentHash, differingFields } from './content.ts';

export type PostOutcome =
  | { readonly kind: 'accepted' }
  /** For what it is: sending it again changes nothing. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Surely not stored, now. */
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** Stored or not. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** @throws {GbxError} GBX_SERVE_UNREACHABLE when what answers is no `gbx serve` */
export type PostExposure = (exposure: PostedExposure, signal: AbortSignal) => Promise<PostOutcome>;

export interface SmokeDeps {
  readonly post: PostExposure;
  readonly readByIds: ReadExposures['byIds'];
  /** Told once, before anything is waited for. */
  readonly onSent: (manifest: Manifest) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface SmokePlan {
  /** The seed of the exposures: the same run id makes the same ones. */
  readonly runId: string;
  readonly count: number;
  /** For all of it: posting and waiting. */
  readonly timeoutMs: number;
}

export interface SmokeResult {
  /** `timeout`: nothing was loaded at all by the end of the time, so nobody knows whether it would have been right. */
  readonly verdict: 'passed' | 'failed' | 'timeout' | 'interrupted';
  readonly acceptedCount: number;
  readonly comparison: Comparison;
  readonly alteredFields: ReadonlyMap<string, readonly string[]>;
  /** Not accepted for what they are, by id. */
  readonly refused: ReadonlyMap<string, string>;
  /** From the first attempt to the answer, of each that was accepted. */
  readonly acceptMs: readonly number[];
  /** From the answer until it could be read, seen to POLL_MS, of each that was accepted. */
  readonly loadMs: readonly number[];
  readonly durationMs: number;
}

export const POLL_MS = 200;
/** Between the last one's arrival and the last look, which would show a second row that came on its heels. */
const SETTLE_MS = 500;
const CONCURRENCY = 8;
const ATTEMPTS_MAX = 5;
const ATTEMPT_BACKOFF = { firstMs: 200, maxMs: 2_000 };
const IDS_PER_READ = 500;
/** An id may have this many rows before some go unread. */
const ROWS_PER_ID_MAX = 10;
const INTERVAL_MS = 1;
/** How old the newest exposure is: a clock of ours that is ahead of serve's by less changes no time. */
const AGE_MS_MIN = 60_000;
const DAY_MICROS = 86_400_000_000;

interface Post {
  readonly expected: Exposure;
  readonly outcome: PostOutcome;
  readonly acceptMs: number;
  /** On the clock's monotonic scale. */
  readonly answeredAtMs: number;
}

interface Run {
  readonly deps: SmokeDeps;
  readonly deadlineMs: number;
  readonly sinceMicros: number;
}

/** @throws {GbxError} when serve or the warehouse cannot be reached, or refuses us */
export async function runSmoke({ runId, count, timeoutMs }: SmokePlan, deps: SmokeDeps): Promise<SmokeResult> {
  const { clock, signal } = deps;
  const startedMs = clock.elapsed();
  const startMs = clock.now() - AGE_MS_MIN - count * INTERVAL_MS;
  const run: Run = { deps, deadlineMs: startedMs + timeoutMs, sinceMicros: startMs * 1000 - DAY_MICROS };
  const traffic = createSmokeTraffic(runId, startMs);
  // Nothing is posted that could not be looked for.
  await readRows([traffic.eventAt(0).exposure_id], run);

  const posts = await postAll(
    Array.from({ length: count }, (_, i) => traffic.eventAt(i)),
    run,
  );
  const sent = posts.map(toSent);
  deps.onSent({ head: { runId, startMs, count: sent.length }, sent });
  if (!signal.aborted) assertAccepted(posts);

  const loadMs = await waitForRows(posts, run);
  const ids = sent.map(({ exposureId }) => exposureId);
  const rows = signal.aborted ? [] : await readRows(ids, run);
  const comparison = compareSent(sent, rows);
  const refused = new Map(
    posts.flatMap(({ expected, outcome }) => (outcome.kind === 'refused' ? [[expected.exposureId, outcome.reason]] : [])),
  );
  return {
    verdict: signal.aborted ? 'interrupted' : judge(comparison, { count, refused: refused.size }),
    acceptedCount: posts.filter(isAccepted).length,
    comparison,
    alteredFields: describeAltered(posts, rows),
    refused,
    acceptMs: posts.filter(isAccepted).map(({ acceptMs }) => acceptMs),
    loadMs,
    durationMs: clock.elapsed() - startedMs,
  };
}

/** An experiment and users of its own, so that no real result changes. */
function createSmokeTraffic(runId: string, startMs: number) {
  const variations = [
    { key: '0', weight: 1 },
    { key: '1', weight: 1 },
  ];
  return createTraffic({
    seed: runId,
    startMs,
    intervalMs: INTERVAL_MS,
    users: 1_000,
    experiments: [{ key: 'gbx-smoke', weight: 1, variations }],
    userPrefix: 'gbx-smoke-',
    source: 'gbx-smoke',
    attributes: { run_id: runId },
  });
}

function judge(comparison: Comparison, { count, refused }: { readonly count: number; readonly refused: number }): SmokeResult['verdict'] {
  if (comparison.loaded.length === count) return 'passed';
  if (isBroken(comparison) || refused > 0 || comparison.loaded.length > 0) return 'failed';
  return 'timeout';
}

function isAccepted({ outcome }: Post): boolean {
  return outcome.kind === 'accepted';
}

function toSent({ expected, outcome }: Post): SentExposure {
  const outcomes = { accepted: 'ok', refused: 'refused', unavailable: 'refused', unknown: 'unknown' } as const;
  return { exposureId: expected.exposureId, contentHash: contentHash(expected), outcome: outcomes[outcome.kind] };
}

function assertAccepted(posts: readonly Post[]): void {
  for (const { outcome } of posts) {
    if (outcome.kind === 'unavailable') throw new GbxError('GBX_SERVE_UNREACHABLE', `serve does not take exposures: ${outcome.reason}`);
  }
  const unknown = posts.find(({ outcome }) => outcome.kind === 'unknown')?.outcome;
  if (unknown?.kind === 'unknown' && !posts.some(isAccepted)) {
    throw new GbxError('GBX_SEND_UNKNOWN', `serve does not say whether it took the exposures: ${unknown.reason}`, {
      hint: 'check that serve reaches Kafka: GET /readyz, and its log',
    });
  }
}

/** The first goes alone: where it finds nobody, the others are not tried. Stops early when the signal aborts. */
async function postAll(events: readonly PostedExposure[], run: Run): Promise<readonly Post[]> {
  const posts: Post[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let event = events[next++]; event !== undefined && !run.deps.signal.aborted; event = events[next++]) {
      posts.push(await postUntilAnswered(event, run));
    }
  };
  const [first] = events;
  if (first === undefined) return posts;
  next = 1;
  posts.push(await postUntilAnswered(first, run));
  if (posts[0]?.outcome.kind === 'unavailable') return posts;
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return posts;
}

async function postUntilAnswered(event: PostedExposure, { deps, deadlineMs }: Run): Promise<Post> {
  const { post, clock, random, signal } = deps;
  const startedMs = clock.elapsed();
  const expected = expectedOf(event, clock.now());
  let unsure: PostOutcome | undefined;
  for (let attempt = 0; ; attempt++) {
    let outcome = await post(event, signal);
    if (outcome.kind === 'unknown') unsure = outcome;
    // Refused for now, but an attempt before may have come through.
    if (outcome.kind === 'unavailable' && unsure !== undefined) outcome = unsure;
    const answeredAtMs = clock.elapsed();
    const isOver = attempt + 1 >= ATTEMPTS_MAX || answeredAtMs >= deadlineMs || signal.aborted;
    if (outcome.kind === 'accepted' || outcome.kind === 'refused' || isOver) {
      return { expected, outcome, acceptMs: answeredAtMs - startedMs, answeredAtMs };
    }
    await clock.sleep(backoffMs(attempt, ATTEMPT_BACKOFF, random), signal);
  }
}

/** What the warehouse must hold: read by the rules of serve. */
function expectedOf(event: PostedExposure, acceptedAtMs: number): Exposure {
  const posted = parsePosted(event, { acceptedAtMs, itemIndex: 0, mintId: () => event.exposure_id });
  if (posted.kind === 'invalid')
    throw new GbxError('GBX_BUG', `smoke made an exposure that is not valid: ${JSON.stringify(posted.fields)}`);
  return posted.exposure;
}

/** Until all that were accepted have a row, the time is over, or the signal aborts. @returns how long each took that came */
async function waitForRows(posts: readonly Post[], run: Run): Promise<readonly number[]> {
  const { clock, signal } = run.deps;
  const pending = new Map(posts.filter(isAccepted).map((post) => [post.expected.exposureId, post.answeredAtMs]));
  const loadMs: number[] = [];
  while (pending.size > 0 && !signal.aborted) {
    const isLast = clock.elapsed() >= run.deadlineMs;
    for (const { exposureId } of await readPatiently([...pending.keys()], run)) {
      const answeredAtMs = pending.get(exposureId);
      if (answeredAtMs === undefined) continue;
      loadMs.push(clock.elapsed() - answeredAtMs);
      pending.delete(exposureId);
    }
    if (isLast || pending.size === 0) break;
    await clock.sleep(POLL_MS, signal);
  }
  await clock.sleep(SETTLE_MS, signal);
  return loadMs;
}

/** A warehouse that is away for a while costs waiting, until the time is over. */
async function readPatiently(ids: readonly string[], run: Run): Promise<readonly StoredExposure[]> {
  try {
    return await readRows(ids, run);
  } catch (error) {
    const { failure } = asGbxError(error);
    const mayHeal = failure === 'transient' || failure === 'contention' || failure === 'ambiguous';
    if (!mayHeal || run.deps.clock.elapsed() >= run.deadlineMs) throw error;
    return [];
  }
}

async function readRows(ids: readonly string[], { deps, sinceMicros }: Run): Promise<readonly StoredExposure[]> {
  const rows: StoredExposure[] = [];
  for (let at = 0; at < ids.length; at += IDS_PER_READ) {
    const part = ids.slice(at, at + IDS_PER_READ);
    rows.push(...(await deps.readByIds(part, { sinceMicros, rowsMax: part.length * ROWS_PER_ID_MAX })));
  }
  return rows;
}

function describeAltered(posts: readonly Post[], rows: readonly StoredExposure[]): ReadonlyMap<string, readonly string[]> {
  const expectedById = new Map(posts.map(({ expected }) => [expected.exposureId, expected]));
  const altered = new Map<string, readonly string[]>();
  for (const row of rows) {
    const expected = expectedById.get(row.exposureId);
    const fields = expected === undefined ? [] : differingFields(expected, row);
    if (fields.length > 0) altered.set(row.exposureId, [...new Set([...(altered.get(row.exposureId) ?? []), ...fields])]);
  }
  return altered;
}
