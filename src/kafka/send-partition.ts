// One attempt to write records to one partition, with an honest word on what became of them: kafkajs's own errors do
// not tell whether anything left this process.
import type { Message, Producer } from 'kafkajs';
import type { SendOutcome } from '../core/accept/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { GbxError } from '../core/errors.ts';
import type { ProducerRecord } from './plan-sends.ts';
import { protocolTypeOf } from './translate-error.ts';

export interface PartitionSend {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ProducerRecord[];
}

interface SendDeps {
  readonly producer: Pick<Producer, 'send'>;
  readonly clock: Clock;
  readonly translate: (error: unknown, doing: string) => GbxError;
  /** What the leader may take to have all in-sync replicas acknowledge. */
  readonly ackTimeoutMs: number;
  /** For the whole attempt: connecting, sending, the answer. */
  readonly attemptMs: number;
}

export type AttemptOutcome =
  | Exclude<SendOutcome, { kind: 'refused' }>
  /** The broker takes none of these together: in smaller parts it may. */
  | { readonly kind: 'refused'; readonly reason: string };

/** The broker appended nothing. Only types that no other request than Produce is answered with: metadata may be asked for behind it. */
const NOT_APPENDED = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'NOT_ENOUGH_REPLICAS',
  'CORRUPT_MESSAGE',
  'KAFKA_STORAGE_ERROR',
  'INVALID_REQUIRED_ACKS',
]);
/** The broker will never append these, or not together. */
const REFUSED = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'INVALID_RECORD',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
]);

/** Never throws for what the network or the broker does. */
export async function sendPartition({ topic, partition, records }: PartitionSend, deps: SendDeps): Promise<AttemptOutcome> {
  const doing = `write to partition ${partition} of the topic ${topic}`;
  const watched = watchEncoding(records.map((record) => asMessage(record, partition)));
  const limit = new AbortController();
  const late = deps.clock.sleep(deps.attemptMs, limit.signal).then(() => 'late' as const);
  const work = deps.producer.send({ topic, acks: -1, timeout: deps.ackTimeoutMs, messages: watched.messages });
  try {
    const result = await Promise.race([work, late]);
    if (result === 'late') {
      work.catch(() => undefined);
      const reason = `Cannot ${doing} as no answer came within ${deps.attemptMs / 1000} s`;
      return watched.cancel() === 'encoded' ? { kind: 'unknown', reason } : { kind: 'not-sent', reason };
    }
    const acked = result.some((part) => part.topicName === topic && part.partition === partition && part.errorCode === 0);
    // kafkajs leaves out partitions it does not know, and resolves.
    return acked ? { kind: 'acked' } : { kind: 'not-sent', reason: `Cannot ${doing} as the broker has no such partition` };
  } catch (error) {
    const reason = deps.translate(error, doing).message;
    if (!watched.isEncoded()) return { kind: 'not-sent', reason };
    const type = protocolTypeOf(error) ?? '';
    if (REFUSED.has(type)) return { kind: 'refused', reason };
    return { kind: NOT_APPENDED.has(type) ? 'not-sent' : 'unknown', reason };
  } finally {
    limit.abort();
  }
}

interface WatchedMessages {
  readonly messages: Message[];
  isEncoded(): boolean;
  /** From here on they cannot be encoded any more, if they were not. */
  cancel(): 'encoded' | 'cancelled';
}

/**
 * kafkajs reads a message's timestamp when it encodes the request, right before writing it to the socket, and never
 * else: so reading it marks the point from which the records may reach the broker.
 */
function watchEncoding(messages: Message[]): WatchedMessages {
  let encoded = false;
  let cancelled = false;
  const [first] = messages;
  if (first !== undefined) {
    const { timestamp } = first;
    Object.defineProperty(first, 'timestamp', {
      enumerable: true,
      get: () => {
        if (cancelled) throw new Error('this send was given up before it was sent');
        encoded = true;
        return timestamp;
      },
    });
  }
  return {
    messages,
    isEncoded: () => encoded,
    cancel: () => {
      cancelled = !encoded;
      return encoded ? 'encoded' : 'cancelled';
    },
  };
}

function asMessage({ key, value, headers, timestampMs }: ProducerRecord, partition: number): Message {
  const message = { key, value, partition, timestamp: String(Math.trunc(timestampMs)) };
  if (headers === undefined) return message;
  const mutable: Record<string, Buffer | string | (Buffer | string)[]> = {};
  for (const [name, values] of Object.entries(headers)) {
    if (values !== undefined) mutable[name] = typeof values === 'string' || Buffer.isBuffer(values) ? values : [...values];
  }
  return { ...message, headers: mutable };
}
