// Where a decoder writes what it unpacks: grows as needed, up to a limit, so that a few bytes cannot ask for gigabytes.

export interface Output {
  buffer: Buffer;
  length: number;
  readonly bytesMax: number;
}

const FIRST_BYTES = 65_536;

export function createOutput(bytesExpected: number, bytesMax: number): Output {
  return { buffer: Buffer.allocUnsafe(Math.min(bytesMax, Math.max(bytesExpected, FIRST_BYTES))), length: 0, bytesMax };
}

/** @throws {RangeError} where it would be more than the limit */
export function reserve(output: Output, bytes: number): void {
  const needed = output.length + bytes;
  if (needed > output.bytesMax) throw new RangeError(`it unpacks to more than ${output.bytesMax} bytes`);
  if (needed <= output.buffer.length) return;
  const larger = Buffer.allocUnsafe(Math.min(output.bytesMax, Math.max(needed, output.buffer.length * 2)));
  output.buffer.copy(larger, 0, 0, output.length);
  output.buffer = larger;
}

export function append(output: Output, input: Buffer, [start, end]: readonly [number, number]): void {
  if (end > input.length) throw new RangeError('it ends in the middle');
  reserve(output, end - start);
  input.copy(output.buffer, output.length, start, end);
  output.length += end - start;
}

/** Repeats what was written `distance` bytes ago; the two may overlap. `floor`: nothing before it may be used. */
export function repeat(output: Output, { distance, length, floor }: { distance: number; length: number; floor: number }): void {
  if (distance === 0 || output.length - distance < floor) throw new RangeError('it refers to bytes before its beginning');
  reserve(output, length);
  const { buffer } = output;
  const from = output.length - distance;
  if (distance >= length) buffer.copyWithin(output.length, from, from + length);
  else for (let index = 0; index < length; index++) buffer[output.length + index] = buffer[from + index] ?? 0;
  output.length += length;
}

export function written({ buffer, length }: Output): Buffer {
  return buffer.subarray(0, length);
}
