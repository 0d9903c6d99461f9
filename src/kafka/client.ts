// The one place that makes a kafkajs client: one for each producer, consumer and admin, since consumers of one client
// share state they should not. Safe defaults for all of them; closing it ends its sockets whatever kafkajs still does.
import { Kafka, type LogEntry, logLevel, type RetryOptions } from 'kafkajs';
import type { Clock, Random } from '../core/clock.ts';
import type { ErrorCode, GbxError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { createLogBridge } from './log-bridge.ts';
import { PATCHED_VERSION, patchKafkaJs } from './patch-kafkajs.ts';
import { translateError } from './translate-error.ts';
import { createSocketWatch, type KafkaTls } from './watch-sockets.ts';

export interface KafkaConnection {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly tls: KafkaTls;
  readonly clientId: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ClientOptions {
  readonly requestTimeoutMs: number;
  /** How often kafkajs itself tries again, once each broker was tried: at least once, as it asks before it knows a broker. @default 1 */
  readonly connectRetries?: number;
  readonly onLogEntry?: (entry: LogEntry) => void;
}

export interface KafkaClient {
  readonly kafka: Kafka;
  /** Give it the REQUEST_TIMEOUT events of what is made from `kafka`: the silent connection is replaced. */
  readonly onRequestTimeout: (event: { readonly payload: { readonly broker: string; readonly apiName: string } }) => void;
  /** @param doing completes "Cannot …" */
  translate(error: unknown, doing: string, otherwise?: ErrorCode): GbxError;
  /** Ends all connections and lets kafkajs open no more. */
  close(): void;
}

export const CONNECTION_TIMEOUT_MS = 5_000;

/** kafkajs takes other defaults for these where NODE_ENV is `test`: so all are given, always. */
export const RETRY: Required<Omit<RetryOptions, 'restartOnFailure' | 'retries'>> = {
  initialRetryTime: 200,
  maxRetryTime: 3_000,
  factor: 0.2,
  multiplier: 2,
};

export function createClient(connection: KafkaConnection, options: ClientOptions): KafkaClient {
  const { clientId, tls, log, clock } = connection;
  const brokers = connection.brokers.map((broker) => (/:\d+$/.test(broker) ? broker : `${broker}:9092`));
  const sockets = createSocketWatch(tls);
  let closed = false;
  if (!patchKafkaJs()) log.warn('kafkajs.unpatched', { expected: PATCHED_VERSION });

  const kafka = new Kafka({
    clientId,
    // An empty list is an error that kafkajs does not retry: what is under way ends soon after closing.
    brokers: () => (closed ? [] : [...brokers]),
    ssl: tls.kind === 'on',
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: options.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { ...RETRY, retries: brokers.length - 1 + (options.connectRetries ?? 1) },
    socketFactory: sockets.factory,
    logLevel: logLevel.INFO,
    logCreator: createLogBridge({ log, clock, isClosed: () => closed, ...(options.onLogEntry ? { onEntry: options.onLogEntry } : {}) }),
  });

  return {
    kafka,
    onRequestTimeout: ({ payload: { broker, apiName } }) => {
      log.warn('kafka.request_timed_out', { broker, request: apiName });
      sockets.destroy(broker, `${apiName} was not answered in time`);
    },
    translate: (error, doing, otherwise) =>
      translateError(error, {
        doing,
        brokers,
        hasCa: tls.kind === 'on' && tls.ca !== undefined,
        strangePeer: sockets.strangePeer(),
        ...(otherwise === undefined ? {} : { otherwise }),
      }),
    close: () => {
      closed = true;
      sockets.close();
    },
  };
}
