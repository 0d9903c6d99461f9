// Clients that post known traffic to serve and keep the books: what was posted, and what became of it as far as the
// client can know. Each id is posted by one client until it is answered for good, or given up as unknown.
import { systemClock } from '../../src/core/clock.ts';
import type { PostedExposure, Traffic } from '../../src/core/traffic/traffic.ts';
import { partitionOfKey } from '../../src/kafka/partitioner.ts';
import { expectedRow, type Pipeline, readRows } from './pipeline.ts';
import { type Outcome, type PostedAccount, type PostedRecord, takePostedAccount } from './posted-accounting.ts';
import { isRefused } from './serving.ts';
import { readTopic } from './topic-log.ts';

const ANSWER_MS_MAX = 20_000;
/** After a refusal: serve says 5 s, tests are in more of a hurry. */
const PAUSE_MS = 50;

interface PostingOptions {
  readonly traffic: Pick<Traffic, 'eventAt'>;
  /** @default 8 */
  readonly clients?: number;
  /** Exposures of one request, all partitions mixed. @default 20 */
  readonly batch?: number;
  /** Between two requests of a client. @default 20 */
  readonly pauseMs?: number;
  /** How often an exposure without a clear answer is posted again, with its id. @default 0 */
  readonly retries?: number;
  /** For `longestGapMs`. */
  readonly partitions: number;
  /** What must become of an event. @default 'row' */
  readonly endOf?: (event: PostedExposure) => 'row' | 'letter';
}

export interface BookedPost extends PostedRecord {
  /** When it was answered with 2xx: milliseconds since the Unix epoch. */
  readonly acceptedAtMs: number | undefined;
}

export interface Posting {
  /** One for each exposure, with its outcome so far. */
  readonly books: readonly BookedPost[];
  count(outcome: Outcome): number;
  /** The longest time without an answer of 2xx for any one partition, since `fromMs` (performance.now()) until now. */
  longestGapMs(fromMs: number): number;
  /** Milliseconds from `fromMs` (performance.now()) to the first answer of 2xx after it; undefined where none came yet. */
  firstOkMs(fromMs: number): number | undefined;
  /** Ends the clients and waits for their last answers. */
  stop(): Promise<void>;
}

type Entry = { -readonly [K in keyof BookedPost]: BookedPost[K] };

/** @param url of serve */
export function postTraffic(url: string, options: PostingOptions): Posting {
  const { traffic, clients = 8, batch = 20, pauseMs = 20, retries = 0, partitions, endOf = () => 'row' } = options;
  const books: Entry[] = [];
  const answered: { readonly atMs: number; readonly partition: number }[] = [];
  const stopping = new AbortController();
  let next = 0;

  const postOnce = async (events: readonly PostedExposure[]): Promise<readonly Outcome[]> => {
    const outcomes = await postBatch(url, events);
    const atMs = performance.now();
    for (const [index, event] of events.entries()) {
      if (outcomes[index] === 'ok') answered.push({ atMs, partition: partitionOfKey(event.ds_user_id, partitions) });
    }
    return outcomes;
  };
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const events = Array.from({ length: batch }, () => traffic.eventAt(next++));
      const entries = events.map(
        (event): Entry => ({ row: expectedRow(event), outcome: 'unknown', end: endOf(event), acceptedAtMs: undefined }),
      );
      books.push(...entries);
      let open = events.map((_, index) => index);
      for (let attempt = 0; attempt <= retries && open.length > 0; attempt++) {
        if (attempt > 0) await systemClock.sleep(PAUSE_MS);
        const outcomes = await postOnce(open.flatMap((index) => events[index] ?? []));
        for (const [place, index] of open.entries()) settle(entries[index], outcomes[place] ?? 'unknown', attempt === 0);
        open = open.filter((index) => entries[index]?.outcome !== 'ok');
      }
      await systemClock.sleep(open.length > 0 ? PAUSE_MS + pauseMs : pauseMs, stopping.signal);
    }
  };
  const running = Array.from({ length: clients }, client);
  return {
    books,
    count: (outcome) => books.filter((one) => one.outcome === outcome).length,
    firstOkMs: (fromMs) => {
      const first = answered.find(({ atMs }) => atMs >= fromMs);
      return first === undefined ? undefined : first.atMs - fromMs;
    },
    longestGapMs: (fromMs) => longestGap(answered, { fromMs, partitions }),
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

/** Refused now says nothing of an attempt before that had no answer. */
function settle(entry: Entry | undefined, outcome: Outcome, isFirst: boolean): void {
  if (entry === undefined) return;
  if (isFirst || outcome === 'ok' || entry.outcome === 'fail') entry.outcome = outcome;
  if (outcome === 'ok') entry.acceptedAtMs = Date.now();
}

/** As docs/http-api.md says it: 200 and 207 item by item, 503 and 4xx surely not stored, everything else unknown. */
async function postBatch(url: string, events: readonly PostedExposure[]): Promise<readonly Outcome[]> {
  try {
    const response = await fetch(`${url}/exposures`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const body = (await response.json()) as { results?: readonly { status: string }[] };
    return events.map((_, index) => outcomeOf(response.status, body.results?.[index]?.status));
  } catch (error) {
    return events.map(() => (isRefused(error) ? 'fail' : 'unknown'));
  }
}

function outcomeOf(status: number, item: string | undefined): Outcome {
  if (item === 'accepted') return 'ok';
  if (item === 'outcome_unknown') return 'unknown';
  if (item === 'unavailable' || item === 'invalid' || item === 'too_large') return 'fail';
  return status === 503 || (status >= 400 && status < 500) ? 'fail' : 'unknown';
}

interface GapQuery {
  readonly fromMs: number;
  readonly partitions: number;
}

function longestGap(answered: readonly { readonly atMs: number; readonly partition: number }[], { fromMs, partitions }: GapQuery): number {
  const last = new Map(Array.from({ length: partitions }, (_, partition) => [partition, fromMs]));
  let longest = 0;
  for (const { atMs, partition } of answered) {
    if (atMs < fromMs) continue;
    longest = Math.max(longest, atMs - (last.get(partition) ?? fromMs));
    last.set(partition, atMs);
  }
  const nowMs = performance.now();
  for (const atMs of last.values()) longest = Math.max(longest, nowMs - atMs);
  return longest;
}

/** Waits until all of the log is loaded, then fails unless the books are exact. @throws {Error} with the first problems */
export async function expectPosted(
  pipeline: Pipeline,
  books: readonly PostedRecord[],
  wait?: { readonly timeoutMs?: number },
): Promise<PostedAccount> {
  await pipeline.untilDrained(wait);
  const { brokers, deadLetterTopic } = pipeline;
  const [rows, letters] = await Promise.all([readRows(pipeline.database), readTopic({ brokers, topic: deadLetterTopic })]);
  const account = takePostedAccount({ posted: books, rows, letters });
  if (account.problems.length > 0) throw new Error(`${account.problems.length} problems:\n${account.problems.slice(0, 20).join('\n')}`);
  return account;
}
