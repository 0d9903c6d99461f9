// A proxy that understands as much of Kafka's protocol as it takes to lose the answer to one request: the broker has done
// it, and the client never hears; or to have a request answered as by a broker that does not allow it. Requests and answers are matched by their correlation id, as clients do it.
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
  /** From now on the first partition of such answers is TOPIC_AUTHORIZATION_FAILED; undefined: of none any more. */
  refuseRights(api: keyof typeof TOPICS_AT | undefined): void;
}

const TOPIC_AUTHORIZATION_FAILED = 29;
/** Bytes of an answer before its list of topics, of Produce 3 to 8 and of Fetch 7 to 11. */
const TOPICS_AT = { produce: 8, fetch: 18 } as const;

interface Plan {
  readonly apiKey: number;
  left: number;
  lost: number;
  refused: keyof typeof TOPICS_AT | undefined;
}

export async function openKafkaProxy({ target }: OpenKafkaProxyOptions): Promise<KafkaProxy> {
  const plan: Plan = { apiKey: -1, left: 0, lost: 0, refused: undefined };
  const proxy = await openTcpProxy({ target, read: (link) => readConnection(link, plan) });
  return {
    ...proxy,
    loseAnswers: (api, count) => Object.assign(plan, { apiKey: API_KEYS[api], left: count }),
    lost: () => plan.lost,
    refuseRights: (api) => Object.assign(plan, { refused: api }),
  };
}

function readConnection(link: Link, plan: Plan): LinkReader {
  const requests = createFramer();
  const answers = createFramer();
  const awaited = new Map<number, number>();
  return {
    fromClient: (bytes) => {
      for (const request of requests(bytes)) {
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
        if (plan.refused !== undefined && apiKey === API_KEYS[plan.refused]) refuse(answer, TOPICS_AT[plan.refused]);
        link.toClient(answer);
      }
    },
  };
}

/** Two counts and a name lead to the first partition: its number, then its error. An empty answer stays as it is. */
function refuse(answer: Buffer, topicsAt: number): void {
  if (answer.length < topicsAt + 6 || answer.readInt32BE(topicsAt) < 1) return;
  const partitionsAt = topicsAt + 6 + answer.readInt16BE(topicsAt + 4);
  answer.writeInt16BE(TOPIC_AUTHORIZATION_FAILED, partitionsAt + 8);
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
