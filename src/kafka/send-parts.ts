// One attempt to write records to some partitions, each partition with an honest word on what became of its records:
// kafkajs's own errors do not tell whether anything left this process, nor which partition they are about.
import { CompressionTypes, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import type { SendOutcome } from '../core/accept/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { GbxError } from '../core/errors.ts';
import type { ProducerRecord } from './plan-sends.ts';
import { protocolTypeOf } from './translate-error.ts';

export interface Part {
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
  readonly isCompressed?: boolean;
}

/** Of one part. `refused`: the broker took something of this send for wrong, this part or another one. */
export type PartOutcome = SendOutcome;

/**
 * The broker appended nothing. NOT_LEADER_FOR_PARTITION and KAFKA_STORAGE_ERROR are not among them: with acks=-1 they may also
 * answer for records that were appended and replicated before the leader moved (kafka.server.DelayedProduce).
 */
const NOT_APPENDED = new Set(['NOT_ENOUGH_REPLICAS', 'CORRUPT_MESSAGE']);
/** Looked at before anything is appended; but each broker learns of a right by itself, and another one may have appended its part. */
const FORBIDDEN = new Set(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED']);
/** The broker will never append these, or not together. */
const REFUSED = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

/** One request for each broker; one outcome for each part, in their order. Never throws for what the network or the broker does. */
export async function sendParts(topic: string, parts: readonly Part[], deps: SendDeps): Promise<readonly PartOutcome[]> {
  const doing = `write to the topic ${topic}`;
  const watched = parts.map(watchEncoding);
  const limit = new AbortController();
  const late = deps.clock.sleep(deps.attemptMs, limit.signal).then(() => 'late' as const);
  const messages = watched.flatMap((part) => part.messages);
  const how = deps.isCompressed === true ? { compression: CompressionTypes.GZIP } : {};
  const work = deps.producer.send({ topic, acks: -1, timeout: deps.ackTimeoutMs, messages, ...how });
  try {
    const result = await Promise.race([work, late]);
    if (result === 'late') {
      work.catch(() => undefined);
      const reason = `Cannot ${doing} as no answer came within ${deps.attemptMs / 1000} s`;
      return watched.map((part) => (part.cancel() === 'encoded' ? { kind: 'unknown', reason } : { kind: 'not-sent', reason }));
    }
    return parts.map(({ partition }) => verify(result, topic, partition));
  } catch (error) {
    const failure = deps.translate(error, doing);
    return watched.map((part) => judge({ error, failure, isEncoded: part.cancel() === 'encoded', isAlone: parts.length === 1 }));
  } finally {
    limit.abort();
  }
}

/** kafkajs leaves out partitions it does not know, and resolves. */
function verify(result: readonly RecordMetadata[], topic: string, partition: number): PartOutcome {
  const acked = result.some((part) => part.topicName === topic && part.partition === partition && part.errorCode === 0);
  if (acked) return { kind: 'acked' };
  return { kind: 'not-sent', reason: `Cannot write to partition ${partition} of the topic ${topic} as the broker does not know it` };
}

interface FailedPart {
  readonly error: unknown;
  /** The same in gbx's words. */
  readonly failure: GbxError;
  readonly isEncoded: boolean;
  readonly isAlone: boolean;
}

function judge({ error, failure: { message: reason, code }, isEncoded, isAlone }: FailedPart): PartOutcome {
  const type = protocolTypeOf(error) ?? '';
  if (!isEncoded) return { kind: 'not-sent', reason, code };
  if (REFUSED.has(type)) return { kind: 'refused', reason, code };
  // The error is one partition's: the others may have been written.
  const isCertain = isAlone && (NOT_APPENDED.has(type) || FORBIDDEN.has(type));
  return { kind: isCertain ? 'not-sent' : 'unknown', reason, code };
}

interface WatchedMessages {
  readonly messages: Message[];
  /** From here on they cannot be encoded any more, if they were not by now. */
  cancel(): 'encoded' | 'cancelled';
}

/**
 * kafkajs reads the timestamps of a partition's messages when it encodes the request, right before writing it to the
 * socket, and never else: so reading the first one marks the point from which they may reach the broker.
 */
function watchEncoding({ partition, records }: Part): WatchedMessages {
  const messages = records.map((record) => asMessage(record, partition));
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
    cancel: () => {
      cancelled = !encoded;
      return encoded ? 'encoded' : 'cancelled';
    },
  };
}

function asMessage({ key, value, headers, timestampMs }: ProducerRecord, partition: number): Message {
  const message = { key, value, partition, timestamp: String(Math.trunc(timestampMs)) };
  if (headers === undefined) return message;
  // Without a prototype: a header may have any name.
  const mutable: Record<string, Buffer | string | (Buffer | string)[]> = Object.create(null);
  for (const [name, values] of Object.entries(headers)) {
    if (values !== undefined) mutable[name] = typeof values === 'string' || Buffer.isBuffer(values) ? values : [...values];
  }
  return { ...message, headers: mutable };
}
