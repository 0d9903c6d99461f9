// A spool's parts over the simulation's model disk, without its gates: steps happen at once, and crash and fail on command.
import { crc32 } from 'node:zlib';
import type { SendOutcome, SendRecords } from '../../../../src/core/accept/ports.ts';
import type { Disk } from '../../../../src/core/accept/spool/disk.ts';
import { createSegments, type Segments } from '../../../../src/core/accept/spool/segments.ts';
import { createWriter, type Writer } from '../../../../src/core/accept/spool/writer.ts';
import type { OutgoingRecord } from '../../../../src/core/exposure/exposure.ts';
import { type ManualClock, manualClock, seededRandom } from '../../../support/clock.ts';
import { collectingLog } from '../../../support/log.ts';
import { collectingMetrics } from '../../../support/metrics.ts';
import { createModelDisk, type ModelDisk } from '../simulation/model-disk.ts';

export interface SpoolParts {
  readonly clock: ManualClock;
  readonly log: ReturnType<typeof collectingLog>;
  readonly metrics: ReturnType<typeof collectingMetrics>;
  readonly model: ModelDisk;
  readonly disk: Disk;
  readonly segments: Segments;
  readonly writer: Writer;
  readonly random: () => number;
  readonly checksum: typeof crc32;
  readonly chunkBytes: number;
  readonly segmentBytesMax: number;
}

export function spoolParts(gate: () => Promise<void> = async () => undefined): SpoolParts {
  const clock = manualClock();
  const log = collectingLog();
  const metrics = collectingMetrics();
  const random = seededRandom(1);
  const model = createModelDisk(random);
  const disk = model.open(gate);
  const segments = createSegments();
  const shared = { clock, log, metrics, disk, segments, checksum: crc32, chunkBytes: 100, segmentBytesMax: 500 };
  return { ...shared, model, random, writer: createWriter(shared) };
}

export function record(value: string, key: string = `user-${value}`): OutgoingRecord {
  return { key, value, timestampMs: 1_700_000_000_000 };
}

/** Answers as the key says: `refused`, `unknown`, `not-sent`; everyone else is acknowledged. */
export function collectingSend(): SendRecords & { readonly sent: string[]; outcome: SendOutcome['kind'] } {
  const sent: string[] = [];
  const send = async (records: readonly OutgoingRecord[]): Promise<SendOutcome[]> => {
    sent.push(...records.map(({ value }) => value.toString()));
    return records.map(({ key }): SendOutcome => {
      if (key.toString() === 'refused') return { kind: 'refused', reason: 'too large' };
      return send.outcome === 'acked' ? { kind: 'acked' } : { kind: send.outcome, reason: 'no answer' };
    });
  };
  send.sent = sent;
  send.outcome = 'acked' as SendOutcome['kind'];
  return send;
}
