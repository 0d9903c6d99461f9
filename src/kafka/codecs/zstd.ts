// Reads zstd frames with fzstd, block by block, so that the limit holds whatever a frame says of itself. Node 20 has no zstd.
import { Decompress } from 'fzstd';

const MAGIC = 0xfd2fb528;
/** What decoders accept without being asked (zstd's own default, 2^27). */
const WINDOW_BYTES_MAX = 134_217_728;

/** @throws {RangeError} where it unpacks to more than `bytesMax`, and what fzstd throws for what is no zstd */
export function readZstd(input: Buffer, bytesMax: number): Buffer {
  assertWindow(input);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const decoder = new Decompress((part) => {
    bytes += part.length;
    if (bytes > bytesMax) throw new RangeError(`it unpacks to more than ${bytesMax} bytes`);
    if (part.length > 0) parts.push(part.slice());
  });
  decoder.push(input, true);
  return Buffer.concat(parts, bytes);
}

/** fzstd sets a window aside before it reads on. Source: RFC 8878, 3.1.1.1.2. */
function assertWindow(input: Buffer): void {
  if (input.length < 9 || input.readUInt32LE(0) !== MAGIC) throw new RangeError('it is no zstd frame');
  const descriptor = input.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const window = isSingleSegment ? contentSize(input, descriptor) : windowSize(input.readUInt8(5));
  if (window > WINDOW_BYTES_MAX) throw new RangeError(`it needs a window of more than ${WINDOW_BYTES_MAX} bytes`);
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Of a single segment, whose content is its window. */
function contentSize(input: Buffer, descriptor: number): number {
  const at = 5 + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const bytes = [1, 2, 4, 8][descriptor >> 6] ?? 1;
  if (at + bytes > input.length) throw new RangeError('it ends in the middle');
  return bytes === 8 ? Number(input.readBigUInt64LE(at)) : input.readUIntLE(at, bytes);
}
