// What kafkajs says, in our log: its complaints as warnings, each at most once in ten seconds, the rest for debugging.
// gbx says itself what a failure means; these lines are the detail behind it.
import { type LogEntry, type logCreator, logLevel } from 'kafkajs';
import type { Clock } from '../core/clock.ts';
import type { LogFields, Logger } from '../core/log.ts';

const QUIET_MS = 10_000;
const REMEMBERED_MAX = 100;
/** Said a second time by somebody else: an answer that says no is thrown to who asked, a failed connection is told by Connection. */
const ECHO = /^(Connection: Response |BrokerPool: Failed to connect to seed broker)/;
const FIELDS = ['broker', 'groupId', 'memberId', 'topic', 'partition', 'error', 'retryCount'] as const;

interface LogBridgeOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** From then on its complaints are about the end it was given. */
  readonly isClosed: () => boolean;
  /** Sees each entry first: some of what kafkajs does can be learnt from its log only. */
  readonly onEntry?: (entry: LogEntry) => void;
}

export function createLogBridge({ log, clock, isClosed, onEntry }: LogBridgeOptions): logCreator {
  const saidAt = new Map<string, number>();

  function isNews(text: string): boolean {
    const now = clock.elapsed();
    const before = saidAt.get(text);
    if (before !== undefined && now - before < QUIET_MS) return false;
    if (saidAt.size >= REMEMBERED_MAX) saidAt.clear();
    saidAt.set(text, now);
    return true;
  }

  return () => (entry) => {
    onEntry?.(entry);
    const text = `${entry.namespace}: ${entry.log.message}`;
    const isComplaint = entry.level === logLevel.ERROR || entry.level === logLevel.WARN;
    if (isComplaint && !ECHO.test(text) && !isClosed() && isNews(text)) log.warn('kafkajs.complained', fieldsOf(entry));
    else log.debug('kafkajs.reported', fieldsOf(entry));
  };
}

function fieldsOf({ namespace, log }: LogEntry): LogFields {
  const fields: Record<string, unknown> = { message: log.message, in: namespace };
  for (const name of FIELDS) if (log[name] !== undefined) fields[name] = String(log[name]);
  return fields;
}
