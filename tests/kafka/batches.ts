// Batches of records as a broker hands them out, made with kafkajs's own encoder.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
}

const { RecordBatch }: { RecordBatch: (batch: object) => Promise<Encoder> } = load('kafkajs/src/protocol/recordBatch/v0');
const encodeRecord: (record: object) => Encoder = load('kafkajs/src/protocol/recordBatch/record/v0');

export interface TestRecord {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: Record<string, string | Buffer | (string | Buffer)[]>;
}

interface TestBatch {
  readonly offset: number;
  readonly records: readonly TestRecord[];
  readonly compression?: number;
  readonly timestampMs?: number;
  /** @default that of the last record */
  readonly lastOffsetDelta?: number;
}

export async function encodeBatch({ offset, records, compression = 0, timestampMs = 1_000, lastOffsetDelta }: TestBatch): Promise<Buffer> {
  const encoded = records.map((record, index) =>
    encodeRecord({ offsetDelta: index, timestampDelta: 0, key: null, value: null, ...record }),
  );
  const batch = await RecordBatch({
    compression,
    firstOffset: offset,
    firstTimestamp: timestampMs,
    maxTimestamp: timestampMs,
    lastOffsetDelta: lastOffsetDelta ?? records.at(-1)?.offsetDelta ?? Math.max(0, records.length - 1),
    records: encoded,
  });
  return batch.buffer;
}
