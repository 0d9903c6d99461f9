// The spool: a log on disk between HTTP and Kafka. Opened by `gbx serve`: takes stock of what an earlier process left,
// takes exposures at once, and sends both in the background. Promises that what it acknowledged is on the disk until
// Kafka has acknowledged it, whatever is killed in between (docs/spool.md).
import type { Clock, Random } from '../../clock.ts';
import type { GbxError } from '../../errors.ts';
import type { OutgoingRecord } from '../../exposure/exposure.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { backoffMs } from '../../retry.ts';
import type { SendOutcome, SendRecords } from '../ports.ts';
import type { Checksum, Disk, FoundFile } from './disk.ts';
import { createGroupCommit } from './group-commit.ts';
import { scanSegment } from './scan.ts';
import { createSegments, newSegment, oldestMs, type Segment, type Segments, segmentNumber, totalBytes, unsentRecords } from './segments.ts';
import { startSender } from './sender.ts';
import { asDiskError, createWriter } from './writer.ts';

export interface SpoolOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly send: SendRecords;
  readonly isUp: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** All that the folder may hold. */
  readonly bytesMax: number;
  /** A sync that takes longer than this counts as a disk that does not work. */
  readonly stallMs: number;
  /** @default 8 MB */
  readonly segmentBytesMax?: number;
  /** Sent ones of this size go. @default 1 MB */
  readonly retireBytes?: number;
  /** @default 512 kB */
  readonly chunkBytes?: number;
}

export interface SpoolLeft {
  /** As far as they are counted by now. */
  readonly records: number;
  /** Acknowledged by Kafka since the spool was opened. */
  readonly sentRecords: number;
  /** Moved to refused/ since then. */
  readonly refusedRecords: number;
  /** Segments moved to damaged/ since then. */
  readonly damagedFiles: number;
  /** Of the segments. */
  readonly bytes: number;
  /** In refused/ and damaged/, and of files that a newer gbx wrote. */
  readonly asideBytes: number;
  /** Files that a newer gbx wrote, which this one leaves alone. */
  readonly newerFiles: number;
}

export interface Spool extends AsyncDisposable {
  /** `acked`: on the disk. @param deadlineMs on the clock's `elapsed` scale */
  push(record: OutgoingRecord, deadlineMs: number): Promise<SendOutcome>;
  /** Why nothing can be taken now; undefined while it can. */
  problem(): GbxError | undefined;
  /** Takes no more, and resolves once every record pushed has its outcome. */
  close(): Promise<void>;
  /** Resolves when all is with Kafka, or the signal aborts. Comes after close. @returns whether nothing is left */
  drain(signal: AbortSignal): Promise<boolean>;
  left(): SpoolLeft;
  /** Sets the gauges: called when they are asked for. */
  measure(): void;
}

const DRAIN_LOOK_MS = 20;
const ASIDE_LOOK_MS = 10_000;
const SCAN_BACKOFF = { firstMs: 100, maxMs: 3_000 };
const FAILURES_A_LINE = 20;
const PENDING_MAX = { recordsMax: 20_000, bytesMax: 64_000_000 };
const GROUP_MAX = { recordsMax: 10_000, bytesMax: 4_000_000 };

/** @throws {GbxError} GBX_SPOOL_FAILED when the folder cannot be read */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { disk, clock, metrics, log } = options;
  const segments = createSegments();
  const newer: Segment[] = [];
  const stop = new AbortController();
  const found = await takeStock(disk, segments);
  const deps = { ...options, segments, ...sizes(options) };
  const writer = createWriter(deps);
  const commit = createGroupCommit({ ...deps, writer, groupMax: GROUP_MAX, pendingMax: PENDING_MAX });
  void scanAll(found, { ...deps, newer, signal: stop.signal });
  void followAside({ ...deps, newer, signal: stop.signal });
  const sender = startSender({ ...deps, writer });
  if (found.length > 0) log.info('spool.found', { files: found.length, bytes: totalBytes(segments), folder: disk.pathOf('') });

  const left = (): SpoolLeft => ({
    records: unsentRecords(segments),
    sentRecords: segments.sentRecords,
    refusedRecords: segments.refusedRecords,
    damagedFiles: segments.damagedFiles,
    bytes: sumBytes(segments.list),
    asideBytes: segments.asideBytes,
    newerFiles: newer.length,
  });
  return {
    push: commit.push,
    problem: commit.problem,
    close: commit.drain,
    async drain(signal) {
      sender.finish();
      while (segments.list.length > 0 && !signal.aborted) await clock.sleep(DRAIN_LOOK_MS, signal);
      return segments.list.length === 0 && newer.length === 0;
    },
    left,
    measure() {
      const oldest = oldestMs(segments);
      metrics.set('gbx_spool_bytes', totalBytes(segments));
      metrics.set('gbx_spool_records', unsentRecords(segments));
      metrics.set('gbx_spool_oldest_age_seconds', oldest === undefined ? 0 : Math.max(0, clock.now() - oldest) / 1000);
    },
    async [Symbol.asyncDispose]() {
      await commit.drain();
      stop.abort();
      sender.stop();
      await sender.running;
      writer.seal();
    },
  };
}

function sizes({ bytesMax, segmentBytesMax = 8_000_000, retireBytes = 1_000_000, chunkBytes = 524_288 }: SpoolOptions) {
  // Room comes back a segment at a time: a small spool needs small ones.
  return { segmentBytesMax: Math.min(segmentBytesMax, bytesMax / 8), retireBytes: Math.min(retireBytes, bytesMax / 16), chunkBytes };
}

function sumBytes(list: readonly { readonly bytes: number }[]): number {
  return list.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What an earlier process left, oldest first. */
async function takeStock(disk: Disk, segments: Segments): Promise<readonly Segment[]> {
  const [files, refused, damaged] = await Promise.all([disk.list(), disk.list('refused'), disk.list('damaged')]);
  segments.asideBytes = sumBytes(refused) + sumBytes(damaged);
  const found: Segment[] = [];
  for (const { name, bytes } of [...files].sort(byName)) {
    const number = segmentNumber(name);
    if (number === undefined) continue;
    found.push(newSegment(name, { bytes, isSealed: true, isScanned: false }));
    segments.nextNumber = Math.max(segments.nextNumber, number + 1);
  }
  for (const { name } of damaged) segments.nextNumber = Math.max(segments.nextNumber, (segmentNumber(name.replace(/^.*\//u, '')) ?? 0) + 1);
  segments.list.push(...found);
  return found;
}

function byName(one: FoundFile, other: FoundFile): number {
  return one.name < other.name ? -1 : 1;
}

interface BackgroundDeps extends SpoolOptions {
  readonly segments: Segments;
  readonly newer: Segment[];
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
}

/** Counts in the background, so that a full spool does not delay the start. One that cannot be read is tried again after the others. */
async function scanAll(found: readonly Segment[], deps: BackgroundDeps): Promise<void> {
  const { segments, newer, disk, log } = deps;
  const waiting = [...found];
  for (let segment = waiting.shift(); segment !== undefined && !deps.signal.aborted; segment = waiting.shift()) {
    const kind = await tryScan(segment, deps);
    if (kind === 'failed') waiting.push(segment);
    if (kind === 'newer') {
      newer.push(segment);
      segments.list.splice(segments.list.indexOf(segment), 1);
      segments.asideBytes += segment.bytes;
      log.error('spool.file_newer', {
        file: disk.pathOf(segment.name),
        next: 'empty it with the gbx that wrote it: gbx serve --drain-only',
      });
    }
    // The sender takes it away, as one that is sent.
    if (kind === 'empty') Object.assign(segment, { isScanned: true, sentBytes: segment.bytes });
    segments.changed.ring();
    if (kind === 'failed') await deps.clock.sleep(backoffMs(segment.failures - 1, SCAN_BACKOFF, deps.random), deps.signal);
  }
}

async function tryScan(segment: Segment, deps: BackgroundDeps): Promise<'records' | 'empty' | 'newer' | 'failed'> {
  try {
    const kind = await scanSegment(segment, deps);
    Object.assign(segment, { failures: 0, retryAtMs: 0 });
    return kind;
  } catch (error) {
    const failure = asDiskError(error);
    if (segment.failures % FAILURES_A_LINE === 0) {
      deps.log.error('spool.read_failed', { error: failure, file: deps.disk.pathOf(segment.name), attempts: segment.failures + 1 });
    }
    segment.failures += 1;
    // Not for the sender until it is known what it is.
    Object.assign(segment, { records: 0, retryAtMs: Number.POSITIVE_INFINITY });
    return 'failed';
  }
}

/** Whoever has looked at what was set aside moves it away: then there is room again. */
async function followAside({ disk, segments, newer, clock, log, signal }: BackgroundDeps): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ASIDE_LOOK_MS, signal);
    if (segments.asideBytes === 0 || signal.aborted) continue;
    try {
      const [refused, damaged] = await Promise.all([disk.list('refused'), disk.list('damaged')]);
      segments.asideBytes = sumBytes(refused) + sumBytes(damaged) + sumBytes(newer);
    } catch (error) {
      log.warn('spool.disk_failed', { error: asDiskError(error), doing: 'look at what was set aside' });
    }
  }
}
