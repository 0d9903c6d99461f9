// Asks one broker, at the address it was given and at no other, who it is, whom it advertises, and what it has of some topics.
import type net from 'node:net';
import type { ClusterFacts, HostAddress } from '../core/doctor/ports.ts';
import type { KafkaConnection } from './client.ts';
import {
  API,
  decodeApiVersions,
  decodeMetadata,
  encodeMetadata,
  encodeRequest,
  METADATA_VERSIONS,
  type MetadataVersion,
  type WireTopic,
} from './doctor-wire.ts';
import { translateError } from './translate-error.ts';
import { createSocketWatch } from './watch-sockets.ts';

/** Kafka's protocol, error codes. */
const TOPIC_FORBIDDEN = 29;
const ANSWER_BYTES_MAX = 16_000_000;

interface AskOptions {
  readonly seeds: readonly HostAddress[];
  readonly topics: readonly string[];
}

/** From the first seed that answers. @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS */
export async function askCluster(connection: KafkaConnection, { seeds, topics }: AskOptions, signal: AbortSignal): Promise<ClusterFacts> {
  let failure: unknown;
  for (const seed of seeds) {
    try {
      return await askBroker(connection, { seed, topics }, signal);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

interface AskOne {
  readonly seed: HostAddress;
  readonly topics: readonly string[];
}

async function askBroker(connection: KafkaConnection, { seed, topics }: AskOne, signal: AbortSignal): Promise<ClusterFacts> {
  const { clientId, tls } = connection;
  const broker = `${seed.host}:${seed.port}`;
  const sockets = createSocketWatch(tls);
  const giveUp = (): void => sockets.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const socket = await connect(sockets.factory, seed);
    const answers = readAnswers(socket);
    const ask = async (api: number, version: number, body: Buffer): Promise<Buffer> => {
      socket.write(encodeRequest({ api, version, correlation: api, clientId }, body));
      return answers.next();
    };
    const newest = decodeApiVersions(await ask(API.apiVersions, 0, Buffer.alloc(0)));
    const version = METADATA_VERSIONS.find((known) => known <= newest) ?? METADATA_VERSIONS[1];
    return asFacts(decodeMetadata(await ask(API.metadata, version, encodeMetadata(topics, version)), version satisfies MetadataVersion));
  } catch (error) {
    const strangePeer = sockets.strangePeer();
    throw translateError(asConnectionError(error, broker), {
      doing: 'ask a broker for its cluster',
      brokers: [broker],
      hasCa: tls.kind === 'on' && tls.ca !== undefined,
      strangePeer,
    });
  } finally {
    signal.removeEventListener('abort', giveUp);
    sockets.close();
  }
}

function asFacts({ clusterId, brokers, topics }: ReturnType<typeof decodeMetadata>): ClusterFacts {
  const isThere = ({ error, partitions }: WireTopic): boolean => error === 0 || partitions.length > 0;
  return {
    clusterId,
    brokers,
    topics: topics.filter(isThere).map(({ topic, partitions, rights }) => ({ topic, partitions, rights })),
    forbidden: topics.filter(({ error }) => error === TOPIC_FORBIDDEN).map(({ topic }) => topic),
  };
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
