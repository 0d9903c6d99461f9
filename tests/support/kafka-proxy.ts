// A proxy that understands as much of Kafka's protocol as it takes to lose the answer to one request (the broker has done it,
// and the client never hears), to refuse a Produce in the broker's stead, which then never sees it, or to answer a Fetch as a
// broker that does not allow it. Requests and answers are matched by their correlation id, as clients do it.
import { type Link, type LinkReader, openTcpProxy, type ProxyTarget, type TcpProxy } from './tcp-proxy.ts';

/** Source: kafka.apache.org/protocol, API keys. */
const API_KEYS = { produce: 0, fetch: 1, offsetCommit: 8 } as const;

interface OpenKafkaProxyOptions {
  readonly target: ProxyTarget;
}

export interface KafkaProxy extends TcpProxy {
  /** From now on the next `count` answers to such requests are lost: both sides are reset instead. */
  loseAnswers(api: keyof typeof API_KEYS, count: number): void;
  /** How many were lost so far. */
  lost(): number;
  /** From now on each Produce is answered with this error for each of its partitions, and goes nowhere; undefined ends it. */
  refuseProduce(errorCode: number | undefined): void;
  /** From now on the first partition of each answer to a Fetch has this error; undefined ends it. */
  refuseFetch(errorCode: number | undefined): void;
}

/** Source: kafka.apache.org/protocol, error codes. */
export const TOPIC_AUTHORIZATION_FAILED = 29;
/** Bytes of an answer to a Fetch (7 to 11) before its list of topics. */
const FETCH_TOPICS_AT = 18;

interface Plan {
  readonly apiKey: number;
  left: number;
  lost: number;
  readonly produceError: number | undefined;
  readonly fetchError: number | undefined;
}

export async function openKafkaProxy({ target }: OpenKafkaProxyOptions): Promise<KafkaProxy> {
  const plan: Plan = { apiKey: -1, left: 0, lost: 0, produceError: undefined, fetchError: undefined };
  const proxy = await openTcpProxy({ target, read: (link) => readConnection(link, plan) });
  return {
    ...proxy,
    loseAnswers: (api, count) => Object.assign(plan, { apiKey: API_KEYS[api], left: count }),
    lost: () => plan.lost,
    refuseProduce: (errorCode) => Object.assign(plan, { produceError: errorCode }),
    refuseFetch: (errorCode) => Object.assign(plan, { fetchError: errorCode }),
  };
}

function readConnection(link: Link, plan: Plan): LinkReader {
  const requests = createFramer();
  const answers = createFramer();
  const awaited = new Map<number, number>();
  return {
    fromClient: (bytes) => {
      for (const request of requests(bytes)) {
        if (plan.produceError !== undefined && request.readInt16BE(4) === API_KEYS.produce) {
          link.toClient(refusalOf(request, plan.produceError));
          continue;
        }
        awaited.set(request.readInt32BE(8), request.readInt16BE(4));
        link.toServer(request);
      }
    },
    fromServer: (bytes) => {
      for (const answer of answers(bytes)) {
        const correlationId = answer.readInt32BE(4);
        const apiKey = awaited.get(correlationId);
        awaited.delete(correlationId);
        if (plan.left > 0 && apiKey === plan.apiKey) {
          plan.left--;
          plan.lost++;
          return link.cut();
        }
        if (plan.fetchError !== undefined && apiKey === API_KEYS.fetch) refuseFetch(answer, plan.fetchError);
        link.toClient(answer);
      }
    },
  };
}

/** Two counts and a name lead to the first partition: its number, then its error. An empty answer stays as it is. */
function refuseFetch(answer: Buffer, errorCode: number): void {
  if (answer.length < FETCH_TOPICS_AT + 6 || answer.readInt32BE(FETCH_TOPICS_AT) < 1) return;
  const partitionsAt = FETCH_TOPICS_AT + 6 + answer.readInt16BE(FETCH_TOPICS_AT + 4);
  answer.writeInt16BE(errorCode, partitionsAt + 8);
}

/** The answer to a Produce of the versions 5 to 7: the same error for each of its partitions. */
function refusalOf(request: Buffer, errorCode: number): Buffer {
  const version = request.readInt16BE(6);
  if (version < 5 || version > 7) throw new Error(`Cannot answer a Produce of version ${version}`);
  const correlationId = request.subarray(8, 12);
  const reader = createReader(request, 12);
  reader.string(); // the client's id
  reader.string(); // the transaction's id
  reader.skip(2 + 4); // acks, timeout
  const topics = reader.array(() => {
    const name = reader.string();
    return [name, ...reader.array(() => refusedPartition(reader, errorCode))];
  });
  const body = Buffer.concat([correlationId, ...topics.flat(), Buffer.alloc(4)]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

function refusedPartition(reader: Reader, errorCode: number): Buffer {
  const refused = Buffer.alloc(4 + 2 + 3 * 8, 0xff);
  refused.writeInt32BE(reader.int32());
  refused.writeInt16BE(errorCode, 4);
  reader.skip(reader.int32());
  return refused;
}

type Reader = ReturnType<typeof createReader>;

function createReader(bytes: Buffer, from: number) {
  let at = from;
  const skip = (count: number): void => {
    at += count;
  };
  const int32 = (): number => {
    skip(4);
    return bytes.readInt32BE(at - 4);
  };
  return {
    skip,
    int32,
    /** With its length before it, as it stands; a null one is as an empty one. */
    string: (): Buffer => {
      const start = at;
      skip(2 + Math.max(0, bytes.readInt16BE(at)));
      return bytes.subarray(start, at);
    },
    /** The items, behind how many they are. */
    array: <T>(item: () => T): (T | Buffer)[] => {
      const count = bytes.subarray(at, at + 4);
      return [count, ...Array.from({ length: int32() }, item)];
    },
  };
}

/** Whole messages: four bytes of length, then as many. */
function createFramer(): (bytes: Buffer) => Buffer[] {
  let pending = Buffer.alloc(0);
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    const whole: Buffer[] = [];
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const end = 4 + pending.readInt32BE(0);
      whole.push(pending.subarray(0, end));
      pending = pending.subarray(end);
    }
    return whole;
  };
}
