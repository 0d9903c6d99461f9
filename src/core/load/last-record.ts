// The mark that the ledger keeps of the last record loaded, by which a topic made anew under the same name is noticed.
import { createHash } from 'node:crypto';
import type { LogRecord } from '../exposure/exposure.ts';
import type { LastRecord } from './ports.ts';

const SEPARATOR = Buffer.from([0]);
const HASH_CHARS = 16;

export function markRecord(record: LogRecord): LastRecord {
  const hash = createHash('sha256');
  hash.update(record.key ?? '');
  hash.update(SEPARATOR);
  hash.update(record.value ?? '');
  return { timestampMs: record.timestampMs, hash: hash.digest('hex').slice(0, HASH_CHARS) };
}

export function isSameRecord(record: LogRecord, mark: LastRecord): boolean {
  const found = markRecord(record);
  return found.timestampMs === mark.timestampMs && found.hash === mark.hash;
}
