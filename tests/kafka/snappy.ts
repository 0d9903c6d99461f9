// A codec that writes the simplest snappy there is, literals only, for records that gbx is to stumble over.

const LITERAL_MAX = 60;

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** Source: github.com/google/snappy, format_description.txt. */
export function snappy(): Codec {
  return {
    compress: async ({ buffer }) => {
      const parts: Buffer[] = [lengthOf(buffer)];
      for (let at = 0; at < buffer.length; at += LITERAL_MAX) {
        const literal = buffer.subarray(at, at + LITERAL_MAX);
        parts.push(Buffer.of((literal.length - 1) << 2), literal);
      }
      return Buffer.concat(parts);
    },
    decompress: async () => {
      throw new Error('nobody reads this');
    },
  };
}

/** A varint. */
function lengthOf({ length }: Buffer): Buffer {
  const bytes: number[] = [];
  for (let rest = length; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
