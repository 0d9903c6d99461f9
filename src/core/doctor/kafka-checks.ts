// The checks of `gbx doctor` about Kafka, from the name of a broker up to the topics: each step only where the one below holds.
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { decideTls } from '../tls-policy.ts';
import { type Check, type Finding, fail, ok, plural, unused, worstOf } from './check.ts';
import { dialChecks, judgeDials, tryDial } from './dial-checks.ts';
import type { BrokerFacts, ClusterFacts, HostAddress, KafkaProbe, Network } from './ports.ts';
import { judgeConfigs, judgeMessageSize, judgeMinInSync, judgeReplication, judgeRetention, judgeTimestamps } from './topic-judgements.ts';
import { judgeGroupRights, judgeRights } from './topic-rights.ts';

export interface KafkaDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly network: Network;
  readonly kafka: () => KafkaProbe;
}

interface NamedTopic {
  readonly topic: string;
  readonly role: 'main' | 'dead-letter' | 'retry';
}

/** The topics that the settings name. */
export function namedTopics({ kafkaTopic, deadLetterTopic, retryTopic }: Config): readonly NamedTopic[] {
  const topics: NamedTopic[] = [
    { topic: kafkaTopic, role: 'main' },
    { topic: deadLetterTopic, role: 'dead-letter' },
  ];
  if (retryTopic !== undefined && retryTopic !== kafkaTopic) topics.push({ topic: retryTopic, role: 'retry' });
  return topics;
}

export function kafkaChecks(deps: KafkaDeps): readonly Check[] {
  const { config, network, kafka, clock } = deps;
  const hosts = (config.kafkaBootstrapServers ?? []).map((broker) => broker.replace(/:\d+$/u, ''));
  return [
    ...dialChecks({
      area: 'kafka',
      needs: ['config.kafka'],
      network,
      clock,
      targets: () => kafka().seeds,
      tls: () => kafka().tls,
      isExposed: decideTls(config.kafkaTls, hosts).exposed,
      start: 'tls',
      settings: { address: 'KAFKA_BOOTSTRAP_SERVERS', tls: 'GBX_KAFKA_TLS', ca: 'GBX_KAFKA_CA_FILE' },
    }),
    ...clusterChecks(deps),
    ...topicChecks(deps),
  ];
}

function clusterChecks({ config, network, clock, kafka }: KafkaDeps): readonly Check[] {
  const check = (name: string, needs: readonly string[], ask: Check['ask']): Check => ({ id: `kafka.${name}`, area: 'kafka', needs, ask });
  const cluster = (signal: AbortSignal): Promise<ClusterFacts> => kafka().cluster(signal);
  return [
    check('login', ['kafka.tls'], async (signal) => {
      const { clusterId, brokers } = await cluster(signal);
      return ok(`cluster ${clusterId} of ${plural(brokers.length, 'broker')} answers`);
    }),
    check('listeners', ['kafka.login'], async (signal) => {
      const { brokers, answeredBy } = await cluster(signal);
      const dials = await Promise.all(brokers.map((broker) => tryDial({ network, clock }, broker, signal)));
      return judgeListeners(brokers, dials, answeredBy);
    }),
    check('topic', ['kafka.login'], async (signal) => judgePresence(await cluster(signal), config.kafkaTopic)),
    check('dead_letter_topic', ['kafka.login'], async (signal) => judgePresence(await cluster(signal), config.deadLetterTopic)),
    check('retry_topic', ['kafka.login'], async (signal) => {
      if (config.retryTopic === undefined) return unused(`GBX_RETRY_TOPIC is not set: refused rows go to ${config.kafkaTopic} again`);
      return judgePresence(await cluster(signal), config.retryTopic);
    }),
    check('rights', ['kafka.topic'], async (signal) => judgeRights(await cluster(signal), namedTopics(config))),
    check('replication', ['kafka.topic'], async (signal) => {
      const { topics, brokers } = await cluster(signal);
      return worstOf(
        topics.map((topic) => judgeReplication(topic, brokers.length)),
        ok(topics.map(({ topic, partitions }) => `${topic}: ${partitions[0]?.replicas ?? 0} copies`).join(', ')),
      );
    }),
    check('group', ['kafka.topic', 'kafka.listeners'], async () => {
      const committed = await kafka().committedOffsets(config.consumerGroup, config.kafkaTopic);
      if (committed.size === 0) return ok(`group ${config.consumerGroup} has committed nothing yet`);
      return ok(`group ${config.consumerGroup} has committed offsets of ${plural(committed.size, 'partition')}`);
    }),
    check('group_rights', ['kafka.group'], async (signal) =>
      judgeGroupRights(await kafka().groupRights(config.consumerGroup, signal), config.consumerGroup),
    ),
  ];
}

/** @param dials why each is not reached, undefined where it is; in the order of the brokers */
export function judgeListeners(brokers: readonly BrokerFacts[], dials: readonly (string | undefined)[], answeredBy: HostAddress): Finding {
  const list = brokers.map(({ id, host, port }, index) => ({ name: `${host}:${port}`, what: `broker ${id}`, why: dials[index] }));
  const reached = `${answeredBy.host}:${answeredBy.port}`;
  const todo = `clients are sent there after the first answer: set advertised.listeners of the broker to an address that is reached from here (${reached} is)`;
  return judgeDials(list, { good: 'every advertised address is reached', todo, isPartial: 'fail' });
}

function judgePresence({ topics, forbidden }: ClusterFacts, name: string): Finding {
  const topic = topics.find((one) => one.topic === name);
  if (forbidden.includes(name)) return fail(`the login may not see ${name}`, `grant it Describe of ${name}`);
  if (topic === undefined) return fail(`there is no topic ${name}`, 'create it: gbx migrate up');
  const headless = topic.partitions.filter(({ leader }) => leader < 0).map(({ partition }) => partition);
  const found = `${name} has ${plural(topic.partitions.length, 'partition')}`;
  if (headless.length === 0) return ok(found);
  return fail(`${found}, and none leads ${headless.join(', ')}`, 'see which broker is down: it holds the only copy of these partitions');
}

function topicChecks({ config, kafka }: KafkaDeps): readonly Check[] {
  const check = (name: string, ask: Check['ask']): Check => ({
    id: `kafka.${name}`,
    area: 'kafka',
    needs: ['kafka.topic', 'kafka.listeners'],
    ask,
  });
  /** Settings of those of our topics that are there. */
  const eachTopic = async (signal: AbortSignal) => {
    const { topics } = await kafka().cluster(signal);
    const named = namedTopics(config).filter(({ topic }) => topics.some((one) => one.topic === topic));
    return Promise.all(
      named.map(async (one) => ({
        ...one,
        config: await kafka().topicConfig(one.topic),
        facts: topics.find(({ topic }) => topic === one.topic),
      })),
    );
  };
  return [
    check('min_in_sync', async (signal) => judgeConfigs(await eachTopic(signal), judgeMinInSync)),
    check('retention', async (signal) => judgeConfigs(await eachTopic(signal), judgeRetention)),
    check('timestamps', async (signal) => judgeConfigs(await eachTopic(signal), judgeTimestamps)),
    check('message_size', async (signal) => {
      const topics = await eachTopic(signal);
      return judgeMessageSize(topics);
    }),
  ];
}
