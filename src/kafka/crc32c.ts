// The checksum of a batch: CRC-32C (Castagnoli), eight bytes a step. Node has the other CRC-32 only.
// Source: org.apache.kafka.common.record.DefaultRecordBatch.checksum; "slicing by 8", Kounavis and Berry, 2005.

const POLYNOMIAL = 0x82f63b78;
const STEP = 8;
const TABLES = createTables();

/** Unsigned. */
export function crc32c(data: Buffer): number {
  const t = TABLES;
  let crc = ~0;
  let at = 0;
  for (const whole = data.length - (data.length % STEP); at < whole; at += STEP) {
    crc ^= byte(data, at) | (byte(data, at + 1) << 8) | (byte(data, at + 2) << 16) | (byte(data, at + 3) << 24);
    crc =
      entry(t, 1792 + (crc & 255)) ^
      entry(t, 1536 + ((crc >>> 8) & 255)) ^
      entry(t, 1280 + ((crc >>> 16) & 255)) ^
      entry(t, 1024 + (crc >>> 24)) ^
      entry(t, 768 + byte(data, at + 4)) ^
      entry(t, 512 + byte(data, at + 5)) ^
      entry(t, 256 + byte(data, at + 6)) ^
      entry(t, byte(data, at + 7));
  }
  for (; at < data.length; at++) crc = entry(t, (crc ^ byte(data, at)) & 255) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function createTables(): Int32Array {
  const tables = new Int32Array(256 * STEP);
  for (let index = 0; index < 256; index++) {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? POLYNOMIAL ^ (crc >>> 1) : crc >>> 1;
    tables[index] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = entry(tables, index - 256);
    tables[index] = entry(tables, before & 255) ^ (before >>> 8);
  }
  return tables;
}

function entry(tables: Int32Array, index: number): number {
  return tables[index] as number;
}

function byte(data: Buffer, index: number): number {
  return data[index] as number;
}
