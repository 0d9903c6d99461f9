// Appends groups of records to the newest segment and makes them durable. Called by group-commit.ts, one group at a time.
// Promises an honest word on each group: stored, surely not stored, or unknown; and that a file whose sync failed once is
// never written again, since Linux then takes its lost pages for clean.
import type { Clock } from '../../clock.ts';
import { GbxError } from '../../errors.ts';
import type { OutgoingRecord } from '../../exposure/exposure.ts';
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import type { AppendFile, Checksum, Disk } from './disk.ts';
import { encodeHeader, encodeRecords, HEADER_BYTES } from './format.ts';
import { newSegment, type Segment, type Segments, takeName } from './segments.ts';

interface WriterDeps {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly segments: Segments;
  /** A segment that has reached this takes no more. */
  readonly segmentBytesMax: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export type AppendOutcome =
  | { readonly kind: 'stored' }
  /** Nothing of the group is on the disk. */
  | { readonly kind: 'not-stored'; readonly error: GbxError }
  /** Its bytes may be on the disk, and be sent when the spool is opened again. */
  | { readonly kind: 'unknown'; readonly error: GbxError };

export interface Writer {
  /** Never throws for what the disk does. */
  append(records: readonly OutgoingRecord[]): Promise<AppendOutcome>;
  /** Adds no more to the newest segment; when a group is under way, after that. */
  seal(): void;
  /** Whether the disk takes a file. @throws {GbxError} GBX_SPOOL_FAILED */
  probe(): Promise<void>;
}

interface Active {
  readonly segment: Segment;
  readonly file: AppendFile;
}

const PROBE = 'probe';
/** A disk that has room for less is as good as full. */
const PROBE_BYTES = 262_144;
const STORED: AppendOutcome = { kind: 'stored' };

export function createWriter(deps: WriterDeps): Writer {
  const { disk, checksum, segments, segmentBytesMax } = deps;
  let active: Active | undefined;
  let isAppending = false;
  let isToSeal = false;

  function seal(): void {
    isToSeal = active !== undefined;
    if (isAppending || active === undefined) return;
    const { segment, file } = active;
    active = undefined;
    isToSeal = false;
    segment.isSealed = true;
    segments.changed.ring();
    // All of it is synced: nothing can be lost by closing.
    void file.close().catch((error: unknown) => deps.log.warn('spool.close_failed', { error }));
  }

  async function appendGroup(records: readonly OutgoingRecord[]): Promise<AppendOutcome> {
    const firstMs = records[0]?.timestampMs;
    if (active === undefined) {
      const bytes = encodeRecords(records, checksum, encodeHeader(checksum));
      const begun = await beginSegment(bytes, deps);
      if ('kind' in begun) return begun;
      active = begun;
      begun.segment.oldestMs = firstMs;
      begun.segment.records = records.length;
      segments.list.push(begun.segment);
      return STORED;
    }
    const bytes = encodeRecords(records, checksum);
    const { segment } = active;
    const failure = await extend(active, bytes, deps);
    if (failure !== undefined) {
      isToSeal = true;
      return failure;
    }
    // In one step, as the sender looks at them.
    if (segment.sentBytes === segment.bytes) segment.oldestMs = firstMs;
    segment.bytes += bytes.length;
    segment.records += records.length;
    return STORED;
  }

  return {
    async append(records) {
      isAppending = true;
      const outcome = await appendGroup(records);
      isAppending = false;
      const isFull = active !== undefined && active.segment.bytes >= segmentBytesMax;
      if (isToSeal || isFull) seal();
      if (outcome.kind === 'stored') segments.changed.ring();
      return outcome;
    },
    seal,
    async probe() {
      await disk.remove(PROBE);
      const file = await disk.create(PROBE);
      try {
        await file.append(Buffer.alloc(PROBE_BYTES));
        await file.sync();
      } finally {
        await file.close();
        await disk.remove(PROBE);
      }
      await disk.syncFolder();
    },
  };
}

/** A new file is durable when its bytes and its name are. */
async function beginSegment(bytes: Buffer, deps: WriterDeps): Promise<Active | AppendOutcome> {
  const { disk, segments } = deps;
  const name = takeName(segments);
  let file: AppendFile | undefined;
  try {
    file = await disk.create(name);
    await file.append(bytes);
    await timedSync(() => file?.sync(), deps);
    await timedSync(() => disk.syncFolder(), deps);
    return { segment: newSegment(name, { bytes: bytes.length, sentBytes: HEADER_BYTES }), file };
  } catch (error) {
    // What stands under this name then is none of ours.
    if (file === undefined) return { kind: 'not-stored', error: asDiskError(error) };
    const isGone = await isDone(async () => {
      await file?.close();
      await disk.remove(name);
      await disk.syncFolder();
    });
    return { kind: isGone ? 'not-stored' : 'unknown', error: asDiskError(error) };
  }
}

async function extend({ segment, file }: Active, bytes: Buffer, deps: WriterDeps): Promise<AppendOutcome | undefined> {
  try {
    await file.append(bytes);
    await timedSync(() => file.sync(), deps);
    return undefined;
  } catch (error) {
    const isGone = await isDone(async () => {
      await file.truncate(segment.bytes);
      await file.sync();
    });
    return { kind: isGone ? 'not-stored' : 'unknown', error: asDiskError(error) };
  }
}

async function timedSync(sync: () => Promise<void> | undefined, { clock, metrics }: WriterDeps): Promise<void> {
  const startedMs = clock.elapsed();
  await sync();
  metrics.observe('gbx_spool_fsync_duration_seconds', (clock.elapsed() - startedMs) / 1000);
}

async function isDone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    asDiskError(error);
    return false;
  }
}

/** @throws whatever is no failure of the disk: a bug */
export function asDiskError(error: unknown): GbxError {
  if (error instanceof GbxError && error.code === 'GBX_SPOOL_FAILED') return error;
  throw error;
}
