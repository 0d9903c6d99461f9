// Looks at what an earlier process left: counts the records of a segment, and says loudly what cannot be read. Called by
// open-spool.ts for every segment that was found, oldest first; the sender waits for it. Changes no file.
import type { Logger } from '../../log.ts';
import type { Metrics } from '../../metrics.ts';
import { checkHeader, type DamagedRange, HEADER_BYTES } from './format.ts';
import { type ReadDeps, readRecords } from './read-records.ts';
import type { Segment } from './segments.ts';

export interface ScanDeps extends ReadDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** empty: nothing was ever accepted into it. newer: not to be touched by this version. @throws {GbxError} GBX_SPOOL_FAILED */
export async function scanSegment(segment: Segment, deps: ScanDeps): Promise<'records' | 'empty' | 'newer'> {
  const header = await deps.disk.read(segment.name, { position: 0, length: HEADER_BYTES });
  const state = checkHeader(header, deps.checksum);
  if (state === 'short') return 'empty';
  if (state === 'newer') return 'newer';
  if (state === 'damaged') reportDamage(segment, [{ from: 0, to: HEADER_BYTES, isTail: false, records: 0 }], deps);
  segment.sentBytes = HEADER_BYTES;
  for (let position = HEADER_BYTES; position < segment.bytes; ) {
    const { records, next, damaged } = await readRecords(segment, position, deps);
    segment.records += records.length;
    segment.oldestMs ??= records[0]?.timestampMs;
    reportDamage(segment, damaged, deps);
    position = next;
  }
  segment.isScanned = true;
  return 'records';
}

/** The segment is kept when the rest of it is sent: nothing that could not be read is thrown away. */
export function reportDamage(segment: Segment, damaged: readonly DamagedRange[], { disk, log, metrics }: ScanDeps): void {
  for (const { from, to, isTail, records } of damaged) {
    if (from < segment.reportedBytes) continue;
    segment.isDamaged = true;
    segment.reportedBytes = to;
    const where = isTail ? 'tail' : 'middle';
    metrics.count('gbx_spool_records_cut_total', records, { where });
    log.error('spool.records_cut', {
      file: disk.pathOf(segment.name),
      offset: from,
      bytes: to - from,
      recordsAtLeast: records,
      where,
      explanation: isTail
        ? 'the end of a file is torn, as a crash or power cut leaves a write that nobody was told of'
        : 'bytes changed on the disk after they were written: exposures that were accepted are lost unless the file can be mended',
      next: 'the file goes to damaged/ once the rest of it is sent',
    });
  }
}
