import {
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
} from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { protocolTypeOf, translateError } from '../../src/kafka/translate-error.ts';

const context = { doing: 'read the topic t', brokers: ['kafka:9092'], hasCa: false };

function connectionError(message: string, code?: string): Error {
  const error = new KafkaJSConnectionError(`Connection error: ${message}`, {
    broker: 'kafka:9092',
    ...(code === undefined ? {} : { code }),
  });
  return new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 5, retryTime: 300 });
}

/** As kafkajs's retrier hands it on. */
function protocolError(type: string): Error {
  const cause = new KafkaJSProtocolError(Object.assign(new Error('no'), { type, code: 1 }));
  return Object.assign(new KafkaJSNonRetriableError(cause), { cause });
}

function closedError(): Error {
  return Object.assign(new KafkaJSConnectionError('Closed connection', { broker: 'kafka:9092' }), { name: 'KafkaJSConnectionClosedError' });
}

describe('translateError()', () => {
  test.each([
    ['ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:9092', 'GBX_KAFKA_UNREACHABLE', 'kafka:9092 refuses connections'],
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND kafka', 'GBX_KAFKA_UNREACHABLE', 'the host of kafka:9092 is unknown here (ENOTFOUND)'],
    ['EHOSTUNREACH', 'connect EHOSTUNREACH', 'GBX_KAFKA_UNREACHABLE', 'kafka:9092 is not reached: connect EHOSTUNREACH'],
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'self-signed certificate',
      'GBX_KAFKA_TLS',
      'the certificate of kafka:9092 was not signed by an authority this machine knows',
    ],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify', 'GBX_KAFKA_TLS', 'the certificate of kafka:9092 was not signed by'],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'Hostname/IP does not match',
      'GBX_KAFKA_TLS',
      'the certificate of kafka:9092 is for other names: Hostname/IP does not match',
    ],
    ['CERT_HAS_EXPIRED', 'certificate has expired', 'GBX_KAFKA_TLS', 'the certificate of kafka:9092 is not valid today'],
    [
      'ECONNRESET',
      'Client network socket disconnected before secure TLS connection was established',
      'GBX_KAFKA_TLS',
      'kafka:9092 does not speak TLS',
    ],
    ['EPROTO', 'write EPROTO wrong version number', 'GBX_KAFKA_TLS', 'kafka:9092 does not speak TLS'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'alert', 'GBX_KAFKA_TLS', 'agree on no TLS'],
  ])('says of %s what it means, whatever it is wrapped in', (code, message, expected, words) => {
    const error = translateError(connectionError(message, code), context);
    expect(error.code).toBe(expected);
    expect(error.message).toMatch(/^Cannot read the topic t as /);
    expect(error.message).toContain(words);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('names the CA file where one is set', () => {
    const error = translateError(connectionError('x', 'SELF_SIGNED_CERT_IN_CHAIN'), { ...context, hasCa: true });
    expect(error.message).toContain('the authority in GBX_KAFKA_CA_FILE');
  });

  test.each([
    ['TOPIC_AUTHORIZATION_FAILED', 'GBX_KAFKA_AUTH'],
    ['GROUP_AUTHORIZATION_FAILED', 'GBX_KAFKA_AUTH'],
    ['SASL_AUTHENTICATION_FAILED', 'GBX_KAFKA_AUTH'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'GBX_TOPIC_MISSING'],
    ['INVALID_TOPIC_EXCEPTION', 'GBX_CONFIG'],
    ['MESSAGE_TOO_LARGE', 'GBX_RECORD_TOO_LARGE'],
    ['INVALID_TIMESTAMP', 'GBX_RECORD_REFUSED'],
    ['INVALID_RECORD', 'GBX_RECORD_REFUSED'],
    ['NOT_ENOUGH_REPLICAS', 'GBX_KAFKA_UNREACHABLE'],
  ])('takes the broker’s answer %s for %s', (type, code) => {
    expect(translateError(protocolError(type), context).code).toBe(code);
  });

  test.each([
    ['INCONSISTENT_GROUP_PROTOCOL', 'stop the other consumer'],
    ['INVALID_SESSION_TIMEOUT', 'GBX_SESSION_TIMEOUT_SECONDS'],
    ['INVALID_GROUP_ID', 'GBX_CONSUMER_GROUP'],
    ['GROUP_MAX_SIZE_REACHED', 'group.max.size'],
  ])('takes %s for a group that will not have this member, and says what helps', (type, words) => {
    const error = translateError(protocolError(type), context);
    expect([error.code, error.failure, error.exitCode]).toEqual(['GBX_GROUP_REFUSED', 'systemic', 78]);
    expect(error.hint).toContain(words);
  });

  test.each([
    [
      new KafkaJSRequestTimeoutError('Request Fetch timed out', {
        broker: 'kafka:9092',
        clientId: '',
        correlationId: 1,
        createdAt: 0,
        sentAt: 0,
        pendingDuration: 0,
      }),
      'does not answer',
    ],
    [new KafkaJSConnectionError('Connection timeout', { broker: 'kafka:9092' }), 'does not answer'],
    [closedError(), 'closed the connection'],
    [new Error('Broker not connected'), 'no broker can answer'],
  ])('takes %s for a broker that is not reached', (error, words) => {
    const translated = translateError(error, context);
    expect(translated.code).toBe('GBX_KAFKA_UNREACHABLE');
    expect(translated.message).toContain(words);
  });

  test.each([
    ['tls', 'GBX_KAFKA_TLS', 'expects TLS'],
    ['http', 'GBX_KAFKA_UNREACHABLE', 'speaks HTTP, not Kafka'],
    ['mute', 'GBX_KAFKA_UNREACHABLE', 'hung up without a word'],
  ] as const)('tells what answered in plain text: %s', (strangePeer, code, words) => {
    const error = translateError(closedError(), {
      ...context,
      strangePeer,
    });
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test('names a compression it cannot read', () => {
    const error = translateError(new KafkaJSNonRetriableError('Snappy compression not implemented'), context);
    expect(error.code).toBe('GBX_CONSUMER_CRASHED');
    expect(error.message).toContain('compressed with Snappy');
  });

  test('leaves a GbxError as it is', () => {
    const error = new GbxError('GBX_TOPIC_MISSING', 'no');
    expect(translateError(error, context)).toBe(error);
  });

  test('takes anything else for a bug, or for what the caller says', () => {
    expect(translateError(new Error('x is not a function'), context).code).toBe('GBX_BUG');
    const crashed = translateError(new KafkaJSError('odd'), { ...context, otherwise: 'GBX_CONSUMER_CRASHED' });
    expect([crashed.code, crashed.message]).toEqual(['GBX_CONSUMER_CRASHED', 'Cannot read the topic t as odd']);
    expect(translateError('a string', context).code).toBe('GBX_BUG');
  });

  test('ends with a chain of causes that bites its tail', () => {
    const error = new Error('round');
    error.cause = error;
    expect(translateError(error, context).code).toBe('GBX_BUG');
  });
});

describe('protocolTypeOf()', () => {
  test('finds the broker’s word inside what kafkajs wraps around it', () => {
    expect(protocolTypeOf(protocolError('NOT_LEADER_FOR_PARTITION'))).toBe('NOT_LEADER_FOR_PARTITION');
    expect(protocolTypeOf(new Error('no'))).toBeUndefined();
  });
});
