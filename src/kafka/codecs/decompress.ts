// The four codecs of Kafka by their number in a batch's attributes; gbx reads them all and writes none.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { readLz4 } from './lz4.ts';
import { readSnappy } from './snappy.ts';
import { readZstd } from './zstd.ts';

/** Source: org.apache.kafka.common.record.CompressionType. */
const CODECS: readonly ((input: Buffer, bytesMax: number) => Buffer | Promise<Buffer>)[] = [
  (input) => input,
  (input, maxOutputLength) => gunzipAsync(input, { maxOutputLength }),
  readSnappy,
  readLz4,
  readZstd,
];

const gunzipAsync = promisify(gunzip) as (input: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

/** @throws {Error} for an unknown codec, for what it cannot unpack, and for what unpacks to more than `bytesMax` */
export async function decompress(codec: number, input: Buffer, bytesMax: number): Promise<Buffer> {
  const read = CODECS[codec];
  if (read === undefined) throw new Error(`it is compressed with codec ${codec}, which gbx does not know`);
  return await read(input, bytesMax);
}
