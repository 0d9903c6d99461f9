// Takes the spool to Kafka: segment by segment, oldest first, a batch at a time, again until every record of it is
// acknowledged or refused for itself. Run by open-spool.ts. Promises that a segment goes only when all of it is
// acknowledged, or safe in refused/ or damaged/.
import type { Clock, Random } from '../../clock.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { backoffMs } from '../../retry.ts';
import type { SendOutcome, SendRecords } from '../ports.ts';
import type { StoredRecord } from './format.ts';
import { type RecordsRead, readRecords } from './read-records.ts';
import { keepRefused } from './refused.ts';
import { reportDamage, type ScanDeps } from './scan.ts';
import type { Segment, Segments } from './segments.ts';
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
const READ_FAILURES_A_LINE = 20;
/** All is sent and nothing comes: then the folder is left empty. */
const IDLE_MS = 3_000;

export function startSender(deps: SenderDeps): SpoolSender {
  const { segments, writer, clock } = deps;
  const stop = new AbortController();
  let isFinishing = false;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const [segment] = segments.list;
      if (!segment?.isScanned) await segments.changed.rung();
      else if (segment.sentBytes < segment.bytes) await sendNext(segment, deps, stop.signal);
      else if (segment.isSealed) await takeAway(segment, deps, stop.signal);
      else if (isFinishing || segment.bytes >= deps.retireBytes) await sealed(segment);
      else await sealedWhenIdle(segment);
    }
  }

  /** A group that is under way comes first. */
  async function sealed(segment: Segment): Promise<void> {
    writer.seal();
    if (!segment.isSealed) await segments.changed.rung();
  }

  async function sealedWhenIdle(segment: Segment): Promise<void> {
    const busy = new AbortController();
    const { bytes } = segment;
    await Promise.race([segments.changed.rung(), clock.sleep(IDLE_MS, busy.signal)]);
    busy.abort();
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
  const read = await readOrPutBehind(segment, deps, signal);
  if (read === undefined) return;
  const { records, next, damaged } = read;
  reportDamage(segment, damaged, deps);
  segment.oldestMs = records[0]?.timestampMs ?? segment.oldestMs;
  const isDone = await sendAll(segment, records, { deps, signal });
  if (!isDone) return;
  segment.sentBytes = next;
  segment.sentRecords += records.length;
  deps.segments.sentRecords += records.length;
  segment.oldestMs = records.at(-1)?.timestampMs ?? segment.oldestMs;
}

interface Sending {
  readonly deps: SenderDeps;
  readonly signal: AbortSignal;
}

async function sendAll(segment: Segment, records: readonly StoredRecord[], { deps, signal }: Sending): Promise<boolean> {
  const { clock, log, random, isUp } = deps;
  let left = records;
  for (let failures = 0; left.length > 0; ) {
    if (signal.aborted) return false;
    const { again, refused, reason } = isUp() ? await attempt(left, { deps, signal }) : DOWN(left);
    if (refused.length > 0 && !(await keepAll(segment, refused, { deps, signal }))) return false;
    left = again;
    if (left.length === 0) {
      if (failures > 0) log.info('spool.send_recovered', { attempts: failures });
      return true;
    }
    if (failures === 0) log.warn('spool.send_failed', { records: left.length, reason });
    failures += 1;
    await clock.sleep(backoffMs(failures - 1, SEND_BACKOFF, random), signal);
  }
  return true;
}

export interface Refused {
  readonly record: StoredRecord;
  readonly reason: string;
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

/** Until they are safe; false when stopped before. */
async function keepAll(segment: Segment, refused: readonly Refused[], sending: Sending): Promise<boolean> {
  const { log, metrics, segments, disk } = sending.deps;
  const file = await untilDone('keep refused records', () => keepRefused(segment.name, refused, disk), sending);
  if (file === undefined) return false;
  segments.asideBytes += file.bytes;
  metrics.count('gbx_spool_records_refused_total', refused.length);
  log.error('spool.records_refused', { records: refused.length, reason: refused[0]?.reason, file: disk.pathOf(file.name) });
  return true;
}

/** A segment that cannot be read now is tried again after the others: it holds nothing up, and nothing of it is given up. */
async function readOrPutBehind(segment: Segment, deps: SenderDeps, signal: AbortSignal): Promise<RecordsRead | undefined> {
  const { clock, log, random, segments, disk } = deps;
  try {
    const read = await readRecords(segment, segment.sentBytes, deps);
    segment.readFailures = 0;
    return read;
  } catch (error) {
    const failure = asDiskError(error);
    if (segment.readFailures % READ_FAILURES_A_LINE === 0) {
      log.error('spool.read_failed', { error: failure, file: disk.pathOf(segment.name), attempts: segment.readFailures + 1 });
    }
  }
  segment.readFailures += 1;
  segments.list.splice(segments.list.indexOf(segment), 1);
  segments.list.push(segment);
  await clock.sleep(backoffMs(segment.readFailures - 1, DISK_BACKOFF, random), signal);
  return undefined;
}

/** All of it is sent: it goes, or to damaged/ when part of it could not be read. */
async function takeAway(segment: Segment, deps: SenderDeps, signal: AbortSignal): Promise<void> {
  const { disk, segments } = deps;
  const { name, isDamaged } = segment;
  const work = async (): Promise<true> => {
    if (isDamaged) {
      await disk.rename(name, `damaged/${name}`);
      await disk.syncFolder('damaged');
    } else await disk.remove(name);
    await disk.syncFolder();
    return true;
  };
  if (!(await untilDone('take a sent segment away', work, { deps, signal }))) return;
  segments.list.splice(segments.list.indexOf(segment), 1);
  if (isDamaged) segments.asideBytes += segment.bytes;
  segments.changed.ring();
}

async function untilDone<T>(what: string, work: () => Promise<T>, { deps, signal }: Sending): Promise<T | undefined> {
  const { clock, log, random } = deps;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      return await work();
    } catch (error) {
      if (failures === 0) log.error('spool.disk_failed', { error: asDiskError(error), doing: what });
      else asDiskError(error);
    }
    await clock.sleep(backoffMs(failures, DISK_BACKOFF, random), signal);
  }
  return undefined;
}
