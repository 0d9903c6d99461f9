// The settings of a single local broker, as text.

export interface KafkaPorts {
  readonly plaintext: number;
  readonly controller: number;
  /** Present where the broker speaks TLS as well. */
  readonly tls?: number;
}

interface PropertiesOptions {
  readonly ports: KafkaPorts;
  /** Where clients are told to go for the plaintext listener. */
  readonly advertisedPort: number;
  readonly logDir: string;
  /** PEM files: private key and chain in one, and the authority. */
  readonly tlsFiles?: { readonly keystore: string; readonly truststore: string } | undefined;
}

/**
 * One node that is broker and controller (KRaft), on loopback only, in little memory.
 * The cleaner's default buffer alone is 128 MiB. A short broker session makes a start after kill -9 take 3 s, not 14:
 * the controller holds the dead registration for that long.
 */
export function kafkaProperties({ ports, advertisedPort, logDir, tlsFiles }: PropertiesOptions): string {
  const tls = ports.tls === undefined ? '' : `,SSL://127.0.0.1:${ports.tls}`;
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${ports.controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${ports.plaintext},CONTROLLER://127.0.0.1:${ports.controller}${tls}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${advertisedPort}${tls}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL',
    `log.dirs=${logDir}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    'log.cleaner.dedupe.buffer.size=4194304',
    'num.network.threads=2',
    'num.io.threads=4',
    'background.threads=2',
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
  ];
  if (tlsFiles) {
    lines.push('ssl.keystore.type=PEM', `ssl.keystore.location=${tlsFiles.keystore}`);
    lines.push('ssl.truststore.type=PEM', `ssl.truststore.location=${tlsFiles.truststore}`);
  }
  return `${lines.join('\n')}\n`;
}

/** What `kafka-storage format` would write; the ids are 22 characters of base64url and must not start with `-`. */
export function metaProperties(clusterId: string, directoryId: string): string {
  return `version=1\ncluster.id=${clusterId}\nnode.id=1\ndirectory.id=${directoryId}\n`;
}
