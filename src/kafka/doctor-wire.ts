// The few bytes of Kafka's protocol that `gbx doctor` speaks by itself. A client of kafkajs goes where the first answer sends
// it: whether that is an address one can go to is the very question. Formats: kafka.apache.org/protocol, ApiVersions 0 and
// Metadata 5 and 8, FindCoordinator 1 and DescribeGroups 3, none of which is of the flexible kind.

const NONE = -2147483648;

/** Kafka's AclOperation by its code, which is also the bit in the field of rights (KIP-430). */
const OPERATIONS: readonly (readonly [number, string])[] = [
  [3, 'Read'],
  [4, 'Write'],
  [5, 'Create'],
  [6, 'Delete'],
  [7, 'Alter'],
  [8, 'Describe'],
  [10, 'DescribeConfigs'],
  [11, 'AlterConfigs'],
];

export const API = { metadata: 3, findCoordinator: 10, describeGroups: 15, apiVersions: 18 } as const;

/** The first that tells rights on a group (Kafka 2.3). */
export const VERSIONS = { findCoordinator: 1, describeGroups: 3 } as const;

/** Versions of Metadata: the first tells rights (Kafka 2.3), the second is what older brokers know (Kafka 1.0). */
export const METADATA_VERSIONS = [8, 5] as const;

export type MetadataVersion = (typeof METADATA_VERSIONS)[number];

interface RequestHeader {
  readonly api: number;
  readonly version: number;
  readonly correlation: number;
  readonly clientId: string;
}

/** A whole request, its length in front. */
export function encodeRequest({ api, version, correlation, clientId }: RequestHeader, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt16BE(api, 0);
  head.writeInt16BE(version, 2);
  head.writeInt32BE(correlation, 4);
  const message = Buffer.concat([head, encodeString(clientId), body]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** Asks for these topics, creates none, and for the rights on them where the version can. */
export function encodeMetadata(topics: readonly string[], version: MetadataVersion): Buffer {
  const count = Buffer.alloc(4);
  count.writeInt32BE(topics.length);
  const flags = version >= 8 ? [0, 0, 1] : [0];
  return Buffer.concat([count, ...topics.map(encodeString), Buffer.from(flags)]);
}

/** Asks who coordinates this group. */
export function encodeCoordinator(group: string): Buffer {
  return Buffer.concat([encodeString(group), Buffer.from([0])]);
}

/** Asks for one group, and for the rights on it. */
export function encodeGroupRights(group: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 1]), encodeString(group), Buffer.from([1])]);
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Reads one value after the other; reading past the end is a RangeError. */
function createReader(bytes: Buffer) {
  let at = 0;
  const take = (length: number): number => {
    at += length;
    return at - length;
  };
  const reader = {
    int8: () => bytes.readInt8(take(1)),
    int16: () => bytes.readInt16BE(take(2)),
    int32: () => bytes.readInt32BE(take(4)),
    bytes: () => take(Math.max(0, reader.int32())),
    text(): string | undefined {
      const length = reader.int16();
      if (length < 0) return undefined;
      const start = take(length);
      if (at > bytes.length) throw new RangeError('the answer is cut short');
      return bytes.toString('utf8', start, at);
    },
    list<T>(read: () => T): T[] {
      const length = reader.int32();
      // Each element takes a byte at least: a length beyond that is no length.
      if (length > bytes.length) throw new RangeError('the answer is none of Kafka');
      return Array.from({ length: Math.max(0, length) }, read);
    },
  };
  return reader;
}

/** @returns the newest version of this question that the broker knows. @param answer after its correlation id */
export function decodeApiVersions(answer: Buffer, wanted: number): number {
  const reader = createReader(answer);
  const error = reader.int16();
  const versions = reader.list(() => ({ api: reader.int16(), min: reader.int16(), max: reader.int16() }));
  const known = versions.find(({ api }) => api === wanted);
  if (known === undefined) throw new RangeError(`the broker tells no versions (error ${error})`);
  return known.max;
}

export interface WireTopic {
  readonly error: number;
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly leader: number;
    readonly replicas: number;
    readonly inSync: number;
  }[];
  /** Undefined where the broker does not tell. */
  readonly rights: readonly string[] | undefined;
}

export interface WireMetadata {
  readonly clusterId: string;
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly WireTopic[];
}

/** @param answer after its correlation id */
export function decodeMetadata(answer: Buffer, version: MetadataVersion): WireMetadata {
  const reader = createReader(answer);
  reader.int32();
  const brokers = reader.list(() => {
    const broker = { id: reader.int32(), host: reader.text() ?? '', port: reader.int32() };
    reader.text();
    return broker;
  });
  const clusterId = reader.text() ?? '';
  reader.int32();
  const topics = reader.list((): WireTopic => {
    const error = reader.int16();
    const topic = reader.text() ?? '';
    reader.int8();
    const partitions = reader.list(() => readPartition(reader, version)).sort((a, b) => a.partition - b.partition);
    return { error, topic, partitions, rights: version >= 8 ? rightsOf(reader.int32()) : undefined };
  });
  return { clusterId, brokers, topics };
}

function readPartition(reader: ReturnType<typeof createReader>, version: MetadataVersion): WireTopic['partitions'][number] {
  reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  if (version >= 7) reader.int32();
  const replicas = reader.list(reader.int32).length;
  const inSync = reader.list(reader.int32).length;
  reader.list(reader.int32);
  return { partition, leader, replicas, inSync };
}

function rightsOf(bits: number): readonly string[] | undefined {
  if (bits === NONE) return undefined;
  return OPERATIONS.filter(([code]) => ((bits >>> code) & 1) === 1).map(([, name]) => name);
}

/** @returns undefined where none is named. @param answer after its correlation id */
export function decodeCoordinator(answer: Buffer): { readonly host: string; readonly port: number } | undefined {
  const reader = createReader(answer);
  reader.int32();
  const error = reader.int16();
  reader.text();
  reader.int32();
  const address = { host: reader.text() ?? '', port: reader.int32() };
  return error === 0 ? address : undefined;
}

/** @returns undefined where the broker does not tell. @param answer after its correlation id */
export function decodeGroupRights(answer: Buffer): readonly string[] | undefined {
  const reader = createReader(answer);
  reader.int32();
  const [rights] = reader.list(() => {
    reader.int16();
    // Its id, state, kind and protocol.
    for (let nth = 0; nth < 4; nth++) reader.text();
    reader.list(() => readMember(reader));
    return rightsOf(reader.int32());
  });
  return rights;
}

/** Names and host, then what the clients say to each other. */
function readMember(reader: ReturnType<typeof createReader>): void {
  for (let nth = 0; nth < 3; nth++) reader.text();
  for (let nth = 0; nth < 2; nth++) reader.bytes();
}
