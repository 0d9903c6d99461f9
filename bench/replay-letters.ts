// Dead letters as `gbx consume` writes them, and what is found in a topic after a replay, both by kafkajs alone.
import type { Message } from 'kafkajs';
import { encodeExposure } from '../src/core/exposure/encode.ts';
import type { LogRecord } from '../src/core/exposure/exposure.ts';
import { HEADERS } from '../src/core/exposure/header-names.ts';
import { deadLetterHeaders } from '../src/kafka/headers.ts';
import { partitionOfKey } from '../src/kafka/partitioner.ts';
import { exposuresOf, type RecordSet } from './records.ts';
import { bareKafka, PARTITIONS, readTopic } from './topic.ts';

/** Each so-many-th letter is of a record that has one already: what a consumer writes that is killed before its commit. */
const COPY_EVERY = 20;
/** How far behind the first one. */
const COPY_DISTANCE = 10;
const SEND_RECORDS = 2_000;
/** As PostgreSQL words it. */
const REFUSAL = { code: 'GBX_ROW_REFUSED', message: '23514: new row violates check constraint "no_preview"', stage: 'load' } as const;

interface LetterSet extends Pick<RecordSet, 'endMs'> {
  readonly letters: number;
  /** The topic that the records are said to have stood in. */
  readonly sourceTopic: string;
  readonly letterTopic: string;
}

/** @returns of how many records they are */
export async function fillLetters(brokers: string, { letters, endMs, sourceTopic, letterTopic }: LetterSet): Promise<number> {
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const recordAt = originals({ records: letters, endMs });
  const recent: LogRecord[] = [];
  let distinct = 0;
  let messages: Message[] = [];
  try {
    for (let i = 0; i < letters; i++) {
      const former = i % COPY_EVERY === COPY_EVERY - 1 ? recent.at(-COPY_DISTANCE) : undefined;
      const record = former ?? recordAt(distinct++);
      recent.push(record);
      if (recent.length > COPY_DISTANCE) recent.shift();
      const { key, value, partition } = record;
      const nowMs = endMs + i;
      const headers = deadLetterHeaders({ record, ...REFUSAL }, { sourceTopic, nowMs });
      messages.push({ key, value, partition, headers: asText(headers) });
      if (messages.length < SEND_RECORDS && i + 1 < letters) continue;
      await producer.send({ topic: letterTopic, acks: -1, messages });
      messages = [];
    }
  } finally {
    await producer.disconnect();
  }
  return distinct;
}

/** kafkajs wants lists that it may change; these hold no list. */
function asText(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** The records as they stood in their topic, each in the partition of its key. */
function originals(set: RecordSet): (i: number) => LogRecord {
  const exposureAt = exposuresOf(set);
  const ends = Array.from({ length: PARTITIONS }, () => 0n);
  return (i) => {
    const exposure = exposureAt(i);
    const partition = partitionOfKey(exposure.dsUserId, PARTITIONS);
    const offset = ends[partition] ?? 0n;
    ends[partition] = offset + 1n;
    return {
      ...{ partition, offset, timestampMs: Math.floor(exposure.tsMicros / 1000), headers: {} },
      key: Buffer.from(exposure.dsUserId),
      value: Buffer.from(encodeExposure(exposure)),
    };
  };
}

/** Reads the whole topic. @returns how often each origin stands in it */
export async function countOrigins(brokers: string, topic: string): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  await readTopic(brokers, topic, ({ headers }) => {
    const origin = String(headers?.[HEADERS.origin]);
    counts.set(origin, (counts.get(origin) ?? 0) + 1);
  });
  return counts;
}
