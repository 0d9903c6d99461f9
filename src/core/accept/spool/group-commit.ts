// Gathers the records of concurrent requests into few syncs: a record that comes alone is written at once, those that come
// while a sync is under way share the next. Called by open-spool.ts. Promises exactly one outcome for every record, by its
// deadline; while the disk takes nothing it refuses at once, and tries the disk until it does again.
import type { Clock, Random } from '../../clock.ts';
import { GbxError } from '../../errors.ts';
import type { OutgoingRecord } from '../../exposure/exposure.ts';
import type { Logger } from '../../log.ts';
import { backoffMs } from '../../retry.ts';
import {
  createPending,
  enqueue,
  entryBytes,
  type Pending,
  type PendingLimits,
  putBack,
  settle,
  takeBatch,
  untilEmpty,
} from '../pending.ts';
import type { SendOutcome } from '../ports.ts';
import { type Segments, totalBytes } from './segments.ts';
import { asDiskError, type Writer } from './writer.ts';

interface GroupCommitDeps {
  readonly writer: Writer;
  readonly segments: Segments;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** All that the folder may hold. */
  readonly bytesMax: number;
  /** A sync that takes longer than this counts as a disk that does not work. */
  readonly stallMs: number;
  readonly groupMax: PendingLimits;
  readonly pendingMax: PendingLimits;
}

export interface GroupCommit {
  /** `acked`: durable. @param deadlineMs on the clock's `elapsed` scale */
  push(record: OutgoingRecord, deadlineMs: number): Promise<SendOutcome>;
  /** Why nothing can be taken now. */
  problem(): GbxError | undefined;
  /** Takes no more, and resolves once every record has its outcome. */
  drain(): Promise<void>;
}

const PROBE_BACKOFF = { firstMs: 250, maxMs: 3_000 };
/** With less room than this it is full: a burst must not swing between the two. */
const ROOM_MIN = 65_536;
const ACKED: SendOutcome = { kind: 'acked' };
const DRAINING: SendOutcome = { kind: 'not-sent', reason: 'shutting down' };
const WORDS = {
  full: 'too many exposures wait for the disk',
  late: 'the disk of the spool does not answer in time',
  unsure: 'the disk of the spool gave no answer in time',
};

export function createGroupCommit(deps: GroupCommitDeps): GroupCommit {
  const { writer, clock, log } = deps;
  const pending = createPending(clock, deps.pendingMax, WORDS);
  const stopped = new AbortController();
  let failure: GbxError | undefined;
  let syncingSinceMs: number | undefined;
  let isRunning = false;
  let isDraining = false;

  async function run(): Promise<void> {
    isRunning = true;
    // What is pushed in this same turn (the items of one request) belongs into the first group.
    await Promise.resolve();
    while (pending.queue.length > 0) await commitGroup();
    isRunning = false;
  }

  async function commitGroup(): Promise<void> {
    const group = takeBatch(pending, deps.groupMax);
    if (group.length === 0) return;
    syncingSinceMs = clock.elapsed();
    const outcome = await writer.append(group.map((entry) => entry.record));
    syncingSinceMs = undefined;
    for (const entry of group) settle(pending, entry, outcome.kind === 'stored' ? ACKED : refusal(outcome));
    putBack(pending, []);
    if (outcome.kind === 'stored') return;
    // Those who wait for the next sync would only hear the same later.
    for (const entry of pending.queue.splice(0)) settle(pending, entry, { kind: 'not-sent', reason: outcome.error.message });
    log.error('spool.write_failed', { error: outcome.error, records: group.length, isSurelyNotStored: outcome.kind === 'not-stored' });
    void heal(outcome.error);
  }

  async function heal(error: GbxError): Promise<void> {
    failure = error;
    for (let attempt = 0; failure !== undefined && !stopped.signal.aborted; attempt++) {
      await clock.sleep(backoffMs(attempt, PROBE_BACKOFF, deps.random), stopped.signal);
      failure = await probe(writer);
    }
    if (failure === undefined) log.info('spool.usable', { after: error.message });
  }

  function problem(): GbxError | undefined {
    if (failure !== undefined) return failure;
    if (syncingSinceMs !== undefined && clock.elapsed() - syncingSinceMs > deps.stallMs) {
      return new GbxError('GBX_SPOOL_FAILED', `the disk of the spool has not answered for ${Math.round(deps.stallMs / 1000)} s`);
    }
    return hasRoom(pending, deps, ROOM_MIN) ? undefined : full(deps);
  }

  return {
    push(record, deadlineMs) {
      if (isDraining) return Promise.resolve(DRAINING);
      const known = problem();
      if (known !== undefined) return Promise.resolve({ kind: 'not-sent', reason: known.message });
      if (!hasRoom(pending, deps, entryBytes(record))) return Promise.resolve({ kind: 'not-sent', reason: full(deps).message });
      const outcome = enqueue(pending, record, deadlineMs);
      if (!isRunning) void run();
      return outcome;
    },
    problem,
    async drain() {
      isDraining = true;
      await untilEmpty(pending);
      pending.stopped.abort();
      stopped.abort();
    },
  };
}

function refusal({ kind, error }: { readonly kind: 'not-stored' | 'unknown'; readonly error: GbxError }): SendOutcome {
  return { kind: kind === 'unknown' ? 'unknown' : 'not-sent', reason: error.message };
}

async function probe(writer: Writer): Promise<GbxError | undefined> {
  try {
    await writer.probe();
    return undefined;
  } catch (error) {
    return asDiskError(error);
  }
}

function hasRoom(pending: Pending, { segments, bytesMax }: { segments: Segments; bytesMax: number }, bytes: number): boolean {
  return totalBytes(segments) + pending.bytes + bytes <= bytesMax;
}

function full({ bytesMax, segments: { asideBytes } }: Pick<GroupCommitDeps, 'bytesMax' | 'segments'>): GbxError {
  const aside = asideBytes > bytesMax / 2 ? `, ${asideBytes} of them set aside in refused/ and damaged/` : '';
  return new GbxError('GBX_SPOOL_FAILED', `the spool is full: it may hold ${bytesMax} bytes (GBX_SPOOL_BYTES_MAX)${aside}`, {
    hint: aside === '' ? 'it goes on as soon as Kafka takes what it holds' : 'move those files elsewhere: docs/spool.md says what they are',
  });
}
