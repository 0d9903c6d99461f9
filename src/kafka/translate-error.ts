// Every error of kafkajs as a GbxError: what failed in plain words, with the broker's address, and one next step.
// The rest of gbx never sees a class or a name of kafkajs.
import { asGbxError, type ErrorCode, GbxError } from '../core/errors.ts';
import type { StrangePeer } from './watch-sockets.ts';

interface ErrorContext {
  /** Completes "Cannot …", e.g. `read the topic exposures`. */
  readonly doing: string;
  readonly brokers: readonly string[];
  readonly hasCa: boolean;
  /** What answered in plain text was no broker. */
  readonly strangePeer?: StrangePeer | undefined;
  /** For what is none of the known: the code it gets. @default 'GBX_BUG' */
  readonly otherwise?: ErrorCode;
}

/** The parts of an error of kafkajs or Node that tell what happened; all may be missing. */
interface ForeignError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  readonly type?: string;
  readonly broker?: string;
  readonly cause?: unknown;
}

interface Finding {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint?: string;
}

const CHAIN_MAX = 10;
const UNTRUSTED = /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_.*|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA)$/;
const NOT_TLS = /before secure TLS connection|wrong version number|packet length too long/i;
const UNREACHABLE =
  /^KafkaJS(Connection|ConnectionClosed|RequestTimeout|BrokerNotFound|NoBrokerAvailable|LockTimeout|Timeout|.*MetadataNotLoaded|GroupCoordinatorNotFound)(Error)?$/;

export function translateError(error: unknown, context: ErrorContext): GbxError {
  if (error instanceof GbxError) return error;
  const chain = chainOf(error);
  const broker = chain.find((link) => link.broker !== undefined)?.broker ?? context.brokers.join(', ');
  const finding =
    findTls(chain, broker, context) ??
    findRefusal(chain) ??
    findCodec(chain) ??
    findUnreachable(chain, broker, context) ??
    findProtocol(chain, broker);
  if (finding !== undefined) return asError(finding, error, context);
  if (context.otherwise === undefined) return asGbxError(error);
  return asError({ code: context.otherwise, reason: chain[0]?.message ?? String(error) }, error, context);
}

/** The names Kafka's protocol gives the errors in this chain, e.g. `MESSAGE_TOO_LARGE`. */
export function protocolTypeOf(error: unknown): string | undefined {
  return chainOf(error).find((link) => link.type !== undefined)?.type;
}

function asError({ code, reason, hint }: Finding, cause: unknown, { doing }: ErrorContext): GbxError {
  return new GbxError(code, `Cannot ${doing} as ${reason}`, { cause, ...(hint === undefined ? {} : { hint }) });
}

function chainOf(error: unknown): ForeignError[] {
  const chain: ForeignError[] = [];
  for (let link = error; typeof link === 'object' && link !== null && chain.length < CHAIN_MAX; link = (link as ForeignError).cause) {
    chain.push(link as ForeignError);
  }
  return chain;
}

function findTls(chain: readonly ForeignError[], broker: string, { hasCa, strangePeer }: ErrorContext): Finding | undefined {
  const code = 'GBX_KAFKA_TLS';
  for (const link of chain) {
    const name = typeof link.code === 'string' ? link.code : '';
    if (UNTRUSTED.test(name)) {
      const authority = hasCa ? 'the authority in GBX_KAFKA_CA_FILE' : 'an authority this machine knows';
      const hint = hasCa
        ? 'give the PEM file of the authority that signed the brokers in GBX_KAFKA_CA_FILE'
        : 'give the PEM file of that authority in GBX_KAFKA_CA_FILE';
      return { code, reason: `the certificate of ${broker} was not signed by ${authority} (${name})`, hint };
    }
    if (name === 'ERR_TLS_CERT_ALTNAME_INVALID' || name === 'HOSTNAME_MISMATCH') {
      const hint = 'name the brokers in KAFKA_BOOTSTRAP_SERVERS and advertised.listeners as their certificate does';
      return { code, reason: `the certificate of ${broker} is for other names: ${afterColon(link.message)}`, hint };
    }
    if (name === 'CERT_HAS_EXPIRED' || name === 'CERT_NOT_YET_VALID') {
      return { code, reason: `the certificate of ${broker} is not valid today (${name})`, hint: 'renew it, or set this machine’s clock' };
    }
    if (NOT_TLS.test(link.message ?? '')) {
      return {
        code,
        reason: `${broker} does not speak TLS`,
        hint: 'use the brokers’ TLS port, or GBX_KAFKA_TLS=off where plain text is meant',
      };
    }
    if (name.startsWith('ERR_SSL_') || name === 'EPROTO')
      return { code, reason: `${broker} and gbx agree on no TLS: ${afterColon(link.message)}` };
  }
  if (strangePeer !== 'tls') return undefined;
  return {
    code,
    reason: `${broker} expects TLS and was spoken to in plain text`,
    hint: 'set GBX_KAFKA_TLS=on, or use the brokers’ plain port',
  };
}

/** Why the group takes no such member: tried again, it is refused again. */
const GROUP_REFUSALS: ReadonlyMap<string, Pick<Finding, 'reason' | 'hint'>> = new Map([
  [
    'INCONSISTENT_GROUP_PROTOCOL',
    {
      reason: 'other consumers are in its group that share the partitions out in another way',
      hint: 'stop the other consumer, which is none of gbx, or choose another name: GBX_CONSUMER_GROUP',
    },
  ],
  [
    'INVALID_SESSION_TIMEOUT',
    {
      reason: 'the broker allows no such session timeout',
      hint: 'set GBX_SESSION_TIMEOUT_SECONDS between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers',
    },
  ],
  ['INVALID_GROUP_ID', { reason: 'Kafka does not take that for a name of a group', hint: 'choose another one: GBX_CONSUMER_GROUP' }],
  [
    'GROUP_MAX_SIZE_REACHED',
    { reason: 'the group has as many members as it may', hint: 'stop one of them, or raise group.max.size of the brokers' },
  ],
]);

function findRefusal(chain: readonly ForeignError[]): Finding | undefined {
  for (const { name, type, message } of chain) {
    if (name === 'KafkaJSSASLAuthenticationError' || type === 'SASL_AUTHENTICATION_FAILED')
      return { code: 'GBX_KAFKA_AUTH', reason: `the login is refused: ${message}` };
    if (type?.endsWith('_AUTHORIZATION_FAILED')) return { code: 'GBX_KAFKA_AUTH', reason: `the broker does not allow it (${type})` };
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return { code: 'GBX_TOPIC_MISSING', reason: 'there is no such topic or partition' };
    if (type === 'INVALID_TOPIC_EXCEPTION') return { code: 'GBX_CONFIG', reason: 'Kafka does not take that for a name of a topic' };
    if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE')
      return { code: 'GBX_RECORD_TOO_LARGE', reason: 'a record is larger than the topic takes' };
    if (type === 'INVALID_TIMESTAMP' || type === 'INVALID_RECORD')
      return { code: 'GBX_RECORD_REFUSED', reason: `the topic does not take a record (${type}: ${message})` };
    const refusal = GROUP_REFUSALS.get(type ?? '');
    if (refusal !== undefined) return { code: 'GBX_GROUP_REFUSED', ...refusal };
  }
  return undefined;
}

function findCodec(chain: readonly ForeignError[]): Finding | undefined {
  const codec = chain
    .map(({ message }) => /^(\w+) compression not implemented/.exec(message ?? '')?.[1])
    .find((name) => name !== undefined);
  if (codec === undefined) return undefined;
  return {
    code: 'GBX_CONSUMER_CRASHED',
    reason: `the topic holds records compressed with ${codec}, which gbx cannot read`,
    hint: 'let the producers compress with gzip or not at all',
  };
}

function findUnreachable(chain: readonly ForeignError[], broker: string, { strangePeer }: ErrorContext): Finding | undefined {
  // The innermost says what happened; those around it only that it happened often.
  const link = chain.findLast(({ name, message }) => UNREACHABLE.test(name ?? '') || message === 'Broker not connected');
  if (link === undefined) return undefined;
  const code = 'GBX_KAFKA_UNREACHABLE';
  if (strangePeer === 'http') return { code, reason: `${broker} speaks HTTP, not Kafka` };
  if (strangePeer === 'mute' && link.name === 'KafkaJSConnectionClosedError') {
    return { code, reason: `${broker} hung up without a word`, hint: 'is that a broker’s port, and does it want TLS or a login?' };
  }
  return { code, reason: unreachableReason(link, broker) };
}

function unreachableReason({ name = '', message = '', code }: ForeignError, broker: string): string {
  if (code === 'ECONNREFUSED') return `${broker} refuses connections`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the host of ${broker} is unknown here (${code})`;
  if (name === 'KafkaJSRequestTimeoutError' || message === 'Connection timeout' || code === 'ETIMEDOUT') return `${broker} does not answer`;
  if (name === 'KafkaJSConnectionClosedError') return `${broker} closed the connection`;
  if (name === 'KafkaJSConnectionError') return `${broker} is not reached: ${afterColon(message)}`;
  return `no broker can answer (${broker}): ${message}`;
}

function findProtocol(chain: readonly ForeignError[], broker: string): Finding | undefined {
  const link = chain.find(({ type }) => type !== undefined);
  return link === undefined ? undefined : { code: 'GBX_KAFKA_UNREACHABLE', reason: `${broker} answers ${link.type}: ${link.message}` };
}

function afterColon(message = ''): string {
  return message.replace(/^Connection error: /, '');
}
