// What one broker says, at the address it was given: who it is, whom it advertises, what it has of some topics, and what this
// login may do with a group, which the group's coordinator is asked where it is said to be.
import type { ClusterFacts, HostAddress } from '../core/doctor/ports.ts';
import type { KafkaConnection } from './client.ts';
import { type Ask, converse } from './doctor-conversation.ts';
import {
  API,
  decodeApiVersions,
  decodeCoordinator,
  decodeGroupRights,
  decodeMetadata,
  encodeCoordinator,
  encodeGroupRights,
  encodeMetadata,
  METADATA_VERSIONS,
  VERSIONS,
  type WireTopic,
} from './doctor-wire.ts';

/** Kafka's protocol, error codes. */
const TOPIC_FORBIDDEN = 29;

interface AskOptions {
  readonly seeds: readonly HostAddress[];
  readonly topics: readonly string[];
}

/** From the first seed that answers: all are asked at once, as one may be silent. @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS */
export async function askCluster(connection: KafkaConnection, { seeds, topics }: AskOptions, signal: AbortSignal): Promise<ClusterFacts> {
  return firstOf(seeds, signal, (address, told) =>
    converse(connection, { address, doing: 'ask a broker for its cluster', signal: told }, async (ask) => {
      const newest = decodeApiVersions(await ask(API.apiVersions, 0, Buffer.alloc(0)), API.metadata);
      const version = METADATA_VERSIONS.find((known) => known <= newest) ?? METADATA_VERSIONS[1];
      return asFacts(address, decodeMetadata(await ask(API.metadata, version, encodeMetadata(topics, version)), version));
    }),
  );
}

/** The others are told to end. @throws what the first of them failed with */
async function firstOf<T>(
  addresses: readonly HostAddress[],
  signal: AbortSignal,
  ask: (address: HostAddress, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const told = AbortSignal.any([signal, done.signal]);
  try {
    return await Promise.any(addresses.map((address) => ask(address, told)));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    done.abort();
  }
}

function asFacts(answeredBy: HostAddress, { clusterId, brokers, topics }: ReturnType<typeof decodeMetadata>): ClusterFacts {
  const isThere = ({ error, partitions }: WireTopic): boolean => error === 0 || partitions.length > 0;
  return {
    answeredBy,
    clusterId,
    brokers,
    topics: topics.filter(isThere).map(({ topic, partitions, rights }) => ({ topic, partitions, rights })),
    forbidden: topics.filter(({ error }) => error === TOPIC_FORBIDDEN).map(({ topic }) => topic),
  };
}

interface GroupQuestion {
  readonly seeds: readonly HostAddress[];
  readonly group: string;
}

/**
 * From the broker that coordinates the group: kafkajs knows no version of this question that is answered with rights.
 *
 * @returns Kafka's names of what this login may do with it; undefined where the brokers do not tell, or may not
 * @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_TLS
 */
export async function askGroupRights(
  connection: KafkaConnection,
  { seeds, group }: GroupQuestion,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const doing = `ask for the rights on the group ${group}`;
  const coordinator = await firstOf(seeds, signal, (address, told) =>
    converse(connection, { address, doing, signal: told }, async (ask) => {
      if (!(await knows(ask, API.describeGroups, VERSIONS.describeGroups))) return undefined;
      return decodeCoordinator(await ask(API.findCoordinator, VERSIONS.findCoordinator, encodeCoordinator(group)));
    }),
  );
  if (coordinator === undefined) return undefined;
  return converse(connection, { address: coordinator, doing, signal }, async (ask) =>
    decodeGroupRights(await ask(API.describeGroups, VERSIONS.describeGroups, encodeGroupRights(group))),
  );
}

async function knows(ask: Ask, api: number, version: number): Promise<boolean> {
  return decodeApiVersions(await ask(API.apiVersions, 0, Buffer.alloc(0)), api) >= version;
}
