// Reads LZ4 frames, as Kafka's clients write them: blocks that stand alone or refer to the ones before. Checksums within are
// passed over, since a batch of Kafka has its own over all of it.
// Source: github.com/lz4/lz4, doc/lz4_Frame_format.md and doc/lz4_Block_format.md.
import { append, createOutput, type Output, repeat, written } from './output.ts';

const MAGIC = 0x184d2204;
const MATCH_LENGTH_MIN = 4;
const UNCOMPRESSED = 0x80000000;

/** @throws {RangeError} for what is no LZ4 frame, or unpacks to more than `bytesMax` */
export function readLz4(input: Buffer, bytesMax: number): Buffer {
  const output = createOutput(input.length * 4, bytesMax);
  for (let at = 0; at < input.length; ) at = readFrame(input, at, output);
  return written(output);
}

/** @returns where the next one begins */
function readFrame(input: Buffer, start: number, output: Output): number {
  if (input.readUInt32LE(start) !== MAGIC) throw new RangeError('it is no LZ4 frame');
  const flags = input.readUInt8(start + 4);
  if (flags >> 6 !== 1) throw new RangeError('it is LZ4 of an unknown version');
  const [hasBlockChecksum, hasSize, hasChecksum, hasDictionary] = [0x10, 0x08, 0x04, 0x01].map((flag) => (flags & flag) !== 0);
  const floor = output.length;
  // Magic, flags, block size, size, dictionary, checksum of the header.
  let at = start + 4 + 2 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0) + 1;
  for (;;) {
    const size = input.readUInt32LE(at);
    at += 4;
    if (size === 0) return at + (hasChecksum ? 4 : 0);
    const end = at + (size & ~UNCOMPRESSED);
    if (end > input.length) throw new RangeError('it ends in the middle');
    if (size >= UNCOMPRESSED) append(output, input, [at, end]);
    else readBlock(input.subarray(at, end), output, floor);
    at = end + (hasBlockChecksum ? 4 : 0);
  }
}

function readBlock(input: Buffer, output: Output, floor: number): void {
  let at = 0;
  while (at < input.length) {
    const token = input.readUInt8(at);
    at += 1;
    const literals = readLength(input, token >> 4, at);
    at = literals.next;
    append(output, input, [at, at + literals.length]);
    at += literals.length;
    // The last sequence has literals only.
    if (at === input.length) return;
    const distance = input.readUInt16LE(at);
    const match = readLength(input, token & 15, at + 2);
    at = match.next;
    repeat(output, { distance, length: match.length + MATCH_LENGTH_MIN, floor });
  }
}

function readLength(input: Buffer, short: number, start: number): { readonly length: number; readonly next: number } {
  let length = short;
  let next = start;
  if (short === 15) {
    for (let byte = 255; byte === 255; next++) {
      byte = input.readUInt8(next);
      length += byte;
    }
  }
  return { length, next };
}
