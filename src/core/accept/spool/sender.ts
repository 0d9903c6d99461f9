// Takes the spool to Kafka: segment by segment, oldest first, a batch at a time, again until every record of it is
// acknowledged or refused for itself. Run by open-spool.ts. Promises that a segment goes only when all of it is
// acknowledged, or safe in refused/ or damaged/, and that one that the disk fails holds no other up.
import type { Clock, Random } from '../../clock.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { backoffMs } from '../../retry.ts';
import type { SendOutcome, SendRecords } from '../ports.ts';
import type { StoredRecord } from './format.ts';
import { readRecords } from './read-records.ts';
import { keepRefused } from './refused.ts';
import { reportDamage, type ScanDeps } from './scan.ts';
import type { Batch, Refused, Segment, Segments } from './segments.ts';
import { asDiskError, type Writer } from './writer.ts';

export interface SenderDeps extends ScanDeps {
  readonly segments: Segments;
  readonly writer: Pick<Writer, 'seal'>;
  readonly send: SendRecords;
  /** False while it is known that nothing can be sent. */
  readonly isUp: () => boolean;
  /** A segment of this size is sealed as soon as all of it is sent: a crash makes no more than that go out again. */
  readonly retireBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface SpoolSender {
  /** Ends when stopped. */
  readonly running: Promise<void>;
  /** From here on the newest segment is sealed as soon as all of it is sent, however small. */
  finish(): void;
  /** Leaves what is not acknowledged for the next start. */
  stop(): void;
}

const SEND_BACKOFF = { firstMs: 50, maxMs: 1_000 };
const DISK_BACKOFF = { firstMs: 100, maxMs: 3_000 };
const FAILURES_A_LINE = 20;
/** All is sent and nothing comes: then the folder is left empty. */
const IDLE_MS = 3_000;

export function startSender(deps: SenderDeps): SpoolSender {
  const { segments, writer, clock } = deps;
  const stop = new AbortController();
  let isFinishing = false;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const nowMs = clock.elapsed();
      const segment = segments.list.find(({ retryAtMs }) => retryAtMs <= nowMs);
      if (!segment?.isScanned)
        await changedOrDue(Math.min(...segments.list.map(({ retryAtMs }) => retryAtMs).filter((atMs) => atMs > nowMs)));
      else if (segment.sentBytes < segment.bytes) await sendNext(segment, deps, stop.signal);
      else if (segment.isSealed) await takeAway(segment, deps);
      else if (isFinishing || segment.bytes >= deps.retireBytes) await sealed(segment);
      else await sealedWhenIdle(segment);
    }
  }

  async function changedOrDue(dueMs: number): Promise<void> {
    const rung = segments.changed.rung();
    if (dueMs === Number.POSITIVE_INFINITY) return rung;
    const over = new AbortController();
    await Promise.race([rung, clock.sleep(Math.max(0, dueMs - clock.elapsed()), over.signal)]);
    over.abort();
  }

  /** A group that is under way comes first. */
  async function sealed(segment: Segment): Promise<void> {
    writer.seal();
    if (!segment.isSealed) await segments.changed.rung();
  }

  async function sealedWhenIdle(segment: Segment): Promise<void> {
    const { bytes } = segment;
    await changedOrDue(clock.elapsed() + IDLE_MS);
    if (segment.bytes === bytes && !isFinishing && !stop.signal.aborted) await sealed(segment);
  }

  const running = run();
  return {
    running,
    finish() {
      isFinishing = true;
      segments.changed.ring();
    },
    stop() {
      stop.abort();
      segments.changed.ring();
    },
  };
}

/** One batch, until nothing of it is left to be sent. */
async function sendNext(segment: Segment, deps: SenderDeps, signal: AbortSignal): Promise<void> {
  const { segments } = deps;
  segment.batch ??= await tried(segment, 'read a segment', { work: () => readBatch(segment, deps), deps });
  const { batch } = segment;
  if (batch === undefined) return;
  await sendAll(batch, { deps, signal });
  if (batch.left.length > 0) return;
  const { records, refused, next } = batch;
  const isKept =
    refused.length === 0 || (await tried(segment, 'keep refused records', { work: () => keepAll(segment, refused, deps), deps }));
  if (isKept !== true) return;
  segment.batch = undefined;
  segment.sentBytes = next;
  segment.sentRecords += records.length;
  segments.sentRecords += records.length - refused.length;
  segments.refusedRecords += refused.length;
  segment.oldestMs = records.at(-1)?.timestampMs ?? segment.oldestMs;
}

async function readBatch(segment: Segment, deps: SenderDeps): Promise<Batch> {
  const { records, next, damaged } = await readRecords(segment, segment.sentBytes, deps);
  reportDamage(segment, damaged, deps);
  segment.oldestMs = records[0]?.timestampMs ?? segment.oldestMs;
  return { records, next, left: records, refused: [] };
}

interface Sending {
  readonly deps: SenderDeps;
  readonly signal: AbortSignal;
}

/** Until all is acknowledged or refused, or it is stopped. */
async function sendAll(batch: Batch, { deps, signal }: Sending): Promise<void> {
  const { clock, log, random, isUp } = deps;
  for (let failures = 0; batch.left.length > 0 && !signal.aborted; failures++) {
    const { again, refused, reason } = isUp() ? await attempt(batch.left, { deps, signal }) : DOWN(batch.left);
    batch.refused.push(...refused);
    batch.left = again;
    if (again.length === 0) {
      if (failures > 0) log.info('spool.send_recovered', { attempts: failures });
      return;
    }
    if (failures === 0) log.warn('spool.send_failed', { records: again.length, reason });
    await clock.sleep(backoffMs(failures, SEND_BACKOFF, random), signal);
  }
}

interface Attempt {
  readonly again: readonly StoredRecord[];
  readonly refused: readonly Refused[];
  readonly reason: string;
}

function DOWN(records: readonly StoredRecord[]): Attempt {
  return { again: records, refused: [], reason: 'Kafka is not reachable' };
}

/** Given up when the spool is stopped: what has left may be acknowledged, and goes out once more at the next start. */
async function attempt(records: readonly StoredRecord[], { deps, signal }: Sending): Promise<Attempt> {
  const { clock, metrics, log } = deps;
  const startedMs = clock.elapsed();
  const outcomes = await unlessAborted(deps.send(records).catch(asThrown), signal);
  metrics.observe('gbx_kafka_send_duration_seconds', (clock.elapsed() - startedMs) / 1000);
  metrics.observe('gbx_kafka_send_records', records.length);
  const again: StoredRecord[] = [];
  const refused: Refused[] = [];
  let reason = 'the producer gave no answer';
  for (const [i, record] of records.entries()) {
    const outcome = outcomes[i];
    if (outcome?.kind === 'acked') continue;
    if (outcome?.kind === 'refused') refused.push({ record, reason: outcome.reason });
    else {
      again.push(record);
      reason = outcome?.reason ?? reason;
    }
  }
  return { again, refused, reason };

  function asThrown(error: unknown): readonly SendOutcome[] {
    // The port promises outcomes and never throws; whatever this is, the records may be out.
    log.error('spool.send_threw', { error, records: records.length });
    return [];
  }
}

function unlessAborted(outcomes: Promise<readonly SendOutcome[]>, signal: AbortSignal): Promise<readonly SendOutcome[]> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve([]);
    signal.addEventListener('abort', giveUp, { once: true });
    void outcomes.then((given) => {
      signal.removeEventListener('abort', giveUp);
      resolve(given);
    });
  });
}

async function keepAll(segment: Segment, refused: readonly Refused[], { log, metrics, segments, disk }: SenderDeps): Promise<true> {
  const file = await keepRefused(segment.name, refused, disk);
  segments.asideBytes += file.bytes;
  metrics.count('gbx_spool_records_refused_total', refused.length);
  log.error('spool.records_refused', { records: refused.length, reason: refused[0]?.reason, file: disk.pathOf(file.name) });
  return true;
}

/** All of it is sent: it goes, or to damaged/ when part of it could not be read. */
async function takeAway(segment: Segment, deps: SenderDeps): Promise<void> {
  const { disk, segments } = deps;
  const { name, isDamaged } = segment;
  const work = async (): Promise<true> => {
    if (isDamaged) {
      if (!segment.isMoved) await disk.rename(name, `damaged/${name}`);
      segment.isMoved = true;
      await disk.syncFolder('damaged');
    } else await disk.remove(name);
    await disk.syncFolder();
    return true;
  };
  if (!(await tried(segment, 'take a sent segment away', { work, deps }))) return;
  segments.list.splice(segments.list.indexOf(segment), 1);
  if (isDamaged) {
    segments.asideBytes += segment.bytes;
    segments.damagedFiles += 1;
  }
  segments.changed.ring();
}

type Doing = 'read a segment' | 'keep refused records' | 'take a sent segment away';

interface Work<T> {
  readonly work: () => Promise<T>;
  readonly deps: SenderDeps;
}

/** Undefined where the disk fails: then the segment is passed over for a while, and nothing of it is given up. */
async function tried<T>(segment: Segment, doing: Doing, { work, deps }: Work<T>): Promise<T | undefined> {
  const { clock, log, random, disk } = deps;
  try {
    const result = await work();
    segment.failures = 0;
    return result;
  } catch (error) {
    const failure = asDiskError(error);
    if (segment.failures % FAILURES_A_LINE === 0) {
      const event = doing === 'read a segment' ? 'spool.read_failed' : 'spool.disk_failed';
      log.error(event, { error: failure, doing, file: disk.pathOf(segment.name), attempts: segment.failures + 1 });
    }
    segment.retryAtMs = clock.elapsed() + backoffMs(segment.failures, DISK_BACKOFF, random);
    segment.failures += 1;
    return undefined;
  }
}
