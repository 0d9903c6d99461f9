import type { ProducerRecord as KafkaSend, Message, Producer, RecordMetadata } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import type { SendOutcome } from '../../src/core/accept/ports.ts';
import { GbxError } from '../../src/core/errors.ts';
import { type Part, sendParts } from '../../src/kafka/send-parts.ts';
import { manualClock } from '../support/clock.ts';

const part = (partition: number): Part => ({
  partition,
  records: ['a', 'b'].map((key) => ({ key, value: 'v', timestampMs: 1_700_000_000_000 })),
});

type Send = (request: KafkaSend) => Promise<RecordMetadata[]>;

function deps(send: Send) {
  const producer: Pick<Producer, 'send'> = { send };
  const translate = (error: unknown, doing: string): GbxError => new GbxError('GBX_BUG', `Cannot ${doing} as ${error}`);
  return { producer, clock: manualClock(), translate, ackTimeoutMs: 400, attemptMs: 1_000 };
}

async function outcomes(partitions: readonly number[], send: Send): Promise<SendOutcome['kind'][]> {
  return (await sendParts('t', partitions.map(part), deps(send))).map(({ kind }) => kind);
}

/** As kafkajs does right before it writes to a broker's socket. */
function encode(messages: readonly Message[], ...partitions: readonly number[]): void {
  for (const { partition = -1, timestamp } of messages.filter((message) => partitions.includes(message.partition ?? -1))) {
    expect([partition, timestamp]).toEqual([partition, '1700000000000']);
  }
}

function brokerSays(type: string): Error {
  return new Error('refused', { cause: Object.assign(new Error(type), { type }) });
}

const ack = (partition: number, errorCode = 0): RecordMetadata => ({ topicName: 't', partition, errorCode });

describe('sendParts()', () => {
  test('takes for sent what was encoded before a failure, and nothing else', async () => {
    // Partition 1 has another leader, which could not be reached.
    const kinds = await outcomes([0, 1], async ({ messages }) => {
      encode(messages.slice(0, 2), 0);
      throw new Error('connection lost');
    });
    expect(kinds).toEqual(['unknown', 'not-sent']);
  });

  test('keeps what it calls not sent from being sent later', async () => {
    // kafkajs goes on with the other brokers' requests after one of them has failed.
    let goOn = (): void => undefined;
    const late: Message[][] = [];
    const kinds = await outcomes([0, 1], async ({ messages }) => {
      encode(messages.slice(0, 2), 0);
      goOn = () => late.push(messages.slice(2));
      throw new Error('connection lost');
    });
    goOn();
    expect(kinds).toEqual(['unknown', 'not-sent']);
    expect(() => late[0]?.map(({ timestamp }) => timestamp)).toThrow('given up before it was sent');
  });

  test.each([
    ['NOT_ENOUGH_REPLICAS', 'not-sent'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'unknown'],
    // The leader may have moved after the append.
    ['NOT_LEADER_FOR_PARTITION', 'unknown'],
    ['KAFKA_STORAGE_ERROR', 'unknown'],
    ['REQUEST_TIMED_OUT', 'unknown'],
    ['MESSAGE_TOO_LARGE', 'refused'],
    ['INVALID_TIMESTAMP', 'refused'],
    ['TOPIC_AUTHORIZATION_FAILED', 'not-sent'],
    ['CLUSTER_AUTHORIZATION_FAILED', 'not-sent'],
    // Metadata is asked for behind a lost Produce, and answers these too.
    ['UNKNOWN_TOPIC_OR_PARTITION', 'unknown'],
    ['LEADER_NOT_AVAILABLE', 'unknown'],
  ])('takes the answer %s to one part for %s', async (type, kind) => {
    const kinds = await outcomes([2], async ({ messages }) => {
      encode(messages, 2);
      throw brokerSays(type);
    });
    expect(kinds).toEqual([kind]);
  });

  test('does not know which of two parts an answer is about', async () => {
    const kinds = await outcomes([0, 1], async ({ messages }) => {
      encode(messages, 0, 1);
      throw brokerSays('NOT_LEADER_FOR_PARTITION');
    });
    expect(kinds).toEqual(['unknown', 'unknown']);
  });

  test('gives a missing right its name; of two parts another broker may have appended one, as it did not know yet', async () => {
    const send: Send = async ({ messages }) => {
      encode(messages, 0, 1);
      throw brokerSays('TOPIC_AUTHORIZATION_FAILED');
    };
    const translate = () => new GbxError('GBX_KAFKA_AUTH', 'the broker does not allow it');
    const all = { ...deps(send), translate };
    const denied = { reason: 'the broker does not allow it', code: 'GBX_KAFKA_AUTH' };
    const unsure = { kind: 'unknown', ...denied };
    expect(await sendParts('t', [part(0), part(1)], all)).toEqual([unsure, unsure]);
    const alone: Send = async ({ messages }) => {
      encode(messages, 0);
      throw brokerSays('TOPIC_AUTHORIZATION_FAILED');
    };
    expect(await sendParts('t', [part(0)], { ...deps(alone), translate })).toEqual([{ kind: 'not-sent', ...denied }]);
  });

  test('believes a send that resolves only for the partitions it names without error', async () => {
    expect(await outcomes([0, 1, 2], async () => [ack(0), ack(2, 6), { ...ack(1), topicName: 'another' }])).toEqual([
      'acked',
      'not-sent',
      'not-sent',
    ]);
  });

  test('gives up what was not encoded in time, so that it never leaves', async () => {
    let sent: Message[] = [];
    const all = deps(({ messages }) => {
      sent = messages;
      encode(messages, 0);
      return new Promise(() => undefined);
    });
    const done = sendParts('t', [part(0), part(1)], all);
    await all.clock.advance(1_000);
    expect(await done).toEqual([
      { kind: 'unknown', reason: 'Cannot write to the topic t as no answer came within 1 s' },
      { kind: 'not-sent', reason: 'Cannot write to the topic t as no answer came within 1 s' },
    ]);
    expect(() => sent.map(({ timestamp }) => timestamp)).toThrow('given up');
  });

  test('asks for all replicas, passes on what the records hold, and leaves no timer', async () => {
    let seen: KafkaSend | undefined;
    const all = deps(async (request) => {
      seen = { ...request, messages: request.messages.map((message) => ({ ...message })) };
      return [ack(2)];
    });
    const record = { key: null, value: Buffer.of(1), timestampMs: 7.9, headers: { a: ['1', '2'], b: undefined } };
    expect(await sendParts('t', [{ partition: 2, records: [record] }], all)).toEqual([{ kind: 'acked' }]);
    const message = { key: null, value: Buffer.of(1), partition: 2, timestamp: '7', headers: { a: ['1', '2'] } };
    expect(seen).toEqual({ topic: 't', acks: -1, timeout: 400, messages: [message] });
    expect(all.clock.sleeping()).toBe(0);
    await sendParts('t', [{ partition: 2, records: [record] }], { ...all, isCompressed: true });
    expect(seen).toMatchObject({ compression: 1, messages: [message] });
  });
});
