// Reads snappy: bare, as librdkafka writes it, and in the frames that Kafka's Java client puts around it.
// Source: github.com/google/snappy, format_description.txt; org.xerial.snappy.SnappyOutputStream for the frames.
import { append, createOutput, type Output, repeat, reserve, written } from './output.ts';

const FRAME_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** The magic, then a version and the oldest compatible one. */
const FRAME_HEADER_BYTES = 16;

/** @throws {RangeError} for what is no snappy, or unpacks to more than `bytesMax` */
export function readSnappy(input: Buffer, bytesMax: number): Buffer {
  const output = createOutput(input.length * 4, bytesMax);
  if (!input.subarray(0, FRAME_MAGIC.length).equals(FRAME_MAGIC)) {
    readBlock(input, output);
    return written(output);
  }
  for (let at = FRAME_HEADER_BYTES; at < input.length; ) {
    const length = input.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > input.length) throw new RangeError('it ends in the middle');
    readBlock(input.subarray(at, at + length), output);
    at += length;
  }
  return written(output);
}

function readBlock(input: Buffer, output: Output): void {
  const floor = output.length;
  const header = readLength(input);
  reserve(output, header.length);
  let at = header.next;
  while (at < input.length) {
    const tag = input.readUInt8(at);
    at += 1;
    if ((tag & 3) === 0) {
      const { length, bytes } = literalLength(input, { tag, at });
      at += bytes;
      append(output, input, [at, at + length]);
      at += length;
    } else {
      const { distance, length, bytes } = copyOf(input, { tag, at });
      repeat(output, { distance, length, floor });
      at += bytes;
    }
  }
  if (output.length - floor !== header.length) throw new RangeError('it does not hold as much as it says');
}

/** A varint of up to 32 bits. */
function readLength(input: Buffer): { readonly length: number; readonly next: number } {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = input.readUInt8(at);
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { length, next: at + 1 };
  }
  throw new RangeError('its length is no length');
}

interface Tag {
  readonly tag: number;
  /** What follows it. */
  readonly at: number;
}

function literalLength(input: Buffer, { tag, at }: Tag): { readonly length: number; readonly bytes: number } {
  const bytes = Math.max(0, (tag >> 2) - 59);
  return { length: (bytes === 0 ? tag >> 2 : input.readUIntLE(at, bytes)) + 1, bytes };
}

function copyOf(input: Buffer, { tag, at }: Tag): { readonly distance: number; readonly length: number; readonly bytes: number } {
  if ((tag & 3) === 1) return { distance: ((tag >> 5) << 8) | input.readUInt8(at), length: ((tag >> 2) & 7) + 4, bytes: 1 };
  const bytes = (tag & 3) === 2 ? 2 : 4;
  return { distance: input.readUIntLE(at, bytes), length: (tag >> 2) + 1, bytes };
}
