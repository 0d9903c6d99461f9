// Reads a segment piece by piece, by what is synced of it. Called by the sender, and by scan.ts to count.
import type { Checksum, Disk } from './disk.ts';
import { type DamagedRange, decodeRecords, type StoredRecord } from './format.ts';
import type { Segment } from './segments.ts';

export interface ReadDeps {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** Read at one time; more where a record is larger. */
  readonly chunkBytes: number;
}

export interface RecordsRead {
  readonly records: readonly StoredRecord[];
  /** Where to read on. */
  readonly next: number;
  /** Offsets in the file. */
  readonly damaged: readonly DamagedRange[];
}

/** From this place of the segment: at least a record, or something damaged, or its end. @throws {GbxError} GBX_SPOOL_FAILED */
export async function readRecords(segment: Segment, position: number, { disk, checksum, chunkBytes }: ReadDeps): Promise<RecordsRead> {
  // More may be added while this reads.
  const { bytes: end } = segment;
  const available = end - position;
  for (let length = Math.min(chunkBytes, available); ; length = available) {
    const bytes = await disk.read(segment.name, { position, length });
    const isEnd = length === available || bytes.length < length;
    const { records, consumed, damaged } = decodeRecords(bytes, { checksum, isEnd });
    // A record larger than the chunk, or damage: only the whole rest tells.
    if (!isEnd && consumed === 0) continue;
    const ranges = damaged.map((range) => ({ ...range, from: position + range.from, to: position + range.to }));
    if (bytes.length >= length) return { records, next: position + consumed, damaged: ranges };
    // The file is shorter than what was written and synced.
    const lost = { from: position + bytes.length, to: end, isTail: true, records: 1 };
    return { records, next: end, damaged: [...ranges, lost] };
  }
}
