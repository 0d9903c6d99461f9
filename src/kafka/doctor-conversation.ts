// A connection to one broker, at the address it was given and at no other, for the few questions that `gbx doctor` asks itself.
import type net from 'node:net';
import type { HostAddress } from '../core/doctor/ports.ts';
import type { KafkaConnection } from './client.ts';
import { encodeRequest } from './doctor-wire.ts';
import { translateError } from './translate-error.ts';
import { createSocketWatch } from './watch-sockets.ts';

const ANSWER_BYTES_MAX = 16_000_000;

/** Resolves with the answer behind its correlation id. */
export type Ask = (api: number, version: number, body: Buffer) => Promise<Buffer>;

interface ConverseOptions {
  readonly address: HostAddress;
  /** Completes "Cannot …". */
  readonly doing: string;
  readonly signal: AbortSignal;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS */
export async function converse<T>(
  { clientId, tls }: Pick<KafkaConnection, 'clientId' | 'tls'>,
  { address, doing, signal }: ConverseOptions,
  talk: (ask: Ask) => Promise<T>,
): Promise<T> {
  const broker = `${address.host}:${address.port}`;
  const sockets = createSocketWatch(tls);
  const giveUp = (): void => sockets.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const socket = await connect(sockets.factory, address);
    const answers = readAnswers(socket);
    return await talk((api, version, body) => {
      socket.write(encodeRequest({ api, version, correlation: api, clientId }, body));
      return answers.next();
    });
  } catch (error) {
    const strangePeer = sockets.strangePeer();
    const hasCa = tls.kind === 'on' && tls.ca !== undefined;
    throw translateError(asConnectionError(error, broker), { doing, brokers: [broker], hasCa, strangePeer });
  } finally {
    signal.removeEventListener('abort', giveUp);
    sockets.close();
  }
}

function connect(factory: ReturnType<typeof createSocketWatch>['factory'], { host, port }: HostAddress): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket: net.Socket = factory({ host, port, ssl: {}, onConnect: () => resolve(socket) });
    socket.on('error', reject);
  });
}

/** Answers in the order in which they come, without length and correlation id. */
function readAnswers(socket: net.Socket): { next(): Promise<Buffer> } {
  let bytes: Buffer = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  let failure: Error | undefined;
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  socket.on('error', (error) => {
    failure = error;
    wake();
  });
  socket.on('close', () => {
    failure ??= Object.assign(new Error('Closed connection'), { name: 'KafkaJSConnectionClosedError' });
    wake();
  });
  return {
    async next() {
      for (;;) {
        const length = bytes.length >= 4 ? bytes.readInt32BE(0) : undefined;
        if (length !== undefined && (length < 4 || length > ANSWER_BYTES_MAX)) throw new RangeError('the answer is none of Kafka');
        if (length !== undefined && bytes.length >= 4 + length) {
          const answer = bytes.subarray(8, 4 + length);
          bytes = bytes.subarray(4 + length);
          return answer;
        }
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** In the shape in which kafkajs tells of connections, so that one place puts both into words. */
function asConnectionError(error: unknown, broker: string): Error {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.name.startsWith('KafkaJS')) return Object.assign(cause, { broker });
  const code = 'code' in cause ? cause.code : undefined;
  return Object.assign(new Error(`Connection error: ${cause.message}`, { cause }), { name: 'KafkaJSConnectionError', broker, code });
}
