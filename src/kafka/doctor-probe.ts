// Kafka as `gbx doctor` asks it: the cluster by its own few bytes, the rest through the admin client, opened at first use and
// once. Questions of several checks that are the same are asked once.
import type { ClusterFacts, HostAddress, KafkaProbe } from '../core/doctor/ports.ts';
import type { KafkaConnection } from './client.ts';
import { askCluster, askGroupRights } from './doctor-cluster.ts';
import { type KafkaAdmin, openAdmin } from './open-admin.ts';

interface ProbeOptions {
  /** That the cluster is asked about. */
  readonly topics: readonly string[];
  /** Settings that are asked for. */
  readonly settings: readonly string[];
}

/** Nothing is connected before the first question. */
export function openKafkaProbe(connection: KafkaConnection, { topics, settings }: ProbeOptions): KafkaProbe & AsyncDisposable {
  const seeds = connection.brokers.map(parseAddress);
  let cluster: Promise<ClusterFacts> | undefined;
  let opened: Promise<KafkaAdmin> | undefined;
  const configs = new Map<string, Promise<ReadonlyMap<string, string> | undefined>>();

  // From the seed that answered, where one did: a silent one would take up the time of the answer.
  const openAtSeed = async (): Promise<KafkaAdmin> => {
    const known = await cluster?.catch(() => undefined);
    return openAdmin(known === undefined ? connection : { ...connection, brokers: [`${known.answeredBy.host}:${known.answeredBy.port}`] });
  };
  const admin = (): Promise<KafkaAdmin> => {
    opened ??= openAtSeed();
    return opened;
  };
  return {
    seeds,
    tls: connection.tls,
    cluster: (signal) => {
      cluster ??= askCluster(connection, { seeds, topics }, signal);
      return cluster;
    },
    groupRights: (group, signal) => askGroupRights(connection, { seeds, group }, signal),
    topicConfig: (topic) => {
      const known = configs.get(topic) ?? admin().then((opened) => opened.topicConfig(topic, settings));
      configs.set(topic, known);
      return known;
    },
    logRanges: async (topic) => (await admin()).logRanges(topic),
    committedOffsets: async (group, topic) => (await admin()).committedOffsets(group, topic),
    offsetsAtTimestamp: async (topic, timestampMs) => (await admin()).offsetsAtTimestamp(topic, timestampMs),
    [Symbol.asyncDispose]: async () => {
      const closing = await opened?.catch(() => undefined);
      await closing?.[Symbol.asyncDispose]();
    },
  };
}

function parseAddress(broker: string): HostAddress {
  const [, host = broker, port] = /^(.*?)(?::(\d+))?$/u.exec(broker) ?? [];
  return { host, port: Number(port ?? 9092) };
}
