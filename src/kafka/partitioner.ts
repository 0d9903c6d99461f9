// Which partition a key belongs to: as Kafka's Java client computes it, so that gbx, the former producers and
// anything else that writes the topic agree. src/kafka sends every record with its partition given.

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/**
 * MurmurHash2, 32 bits, signed.
 * Source: org.apache.kafka.common.utils.Utils.murmur2.
 */
export function murmur2(data: Buffer): number {
  const whole = data.length & ~3;
  let hash = SEED ^ data.length;
  for (let index = 0; index < whole; index += 4) {
    let word = Math.imul(data.readInt32LE(index), MIX);
    word ^= word >>> 24;
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX);
  }
  if (whole < data.length) hash = Math.imul(hash ^ data.readUIntLE(whole, data.length - whole), MIX);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MIX);
  return hash ^ (hash >>> 15);
}

/** Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey. */
export function partitionOfKey(key: string | Buffer, partitionCount: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitionCount;
}
