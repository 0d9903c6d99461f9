// The copy of a record that is replayed: bytes and key as they are, its origin kept, its retries counted anew, one replay more.
// What the former failure left in the headers goes, save when it first failed: a new failure writes its own.
import type { HeaderValue, LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { parseOrigin } from '../exposure/origin.ts';
import { isForeignFailureHeader } from './dialects.ts';
import type { PlanEntry } from './plan.ts';
import type { ReplayCopy } from './ports.ts';

const DROPPED: ReadonlySet<string> = new Set([
  HEADERS.retryCount,
  HEADERS.notBefore,
  HEADERS.lastFailedAt,
  HEADERS.errorCode,
  HEADERS.errorMessage,
  HEADERS.errorStage,
]);

export function replayCopy(record: LogRecord, entry: PlanEntry, planId: string): ReplayCopy {
  const { edited, origin } = entry;
  // Without a prototype: a header may have any name.
  const headers: Record<string, HeaderValue> = Object.create(null);
  for (const [name, value] of Object.entries(record.headers))
    if (value !== undefined && !DROPPED.has(name) && !isForeignFailureHeader(name)) headers[name] = value;
  headers[HEADERS.origin] = origin;
  headers[HEADERS.replayId] = planId;
  headers[HEADERS.replayCount] = String(entry.replayCount + 1);
  const bytes = edited === undefined ? {} : { key: Buffer.from(edited.key), value: Buffer.from(edited.value) };
  // A record without a key goes back to the partition that it came from.
  return { record: { ...record, partition: parseOrigin(origin)?.partition ?? record.partition, ...bytes, headers }, headers };
}
