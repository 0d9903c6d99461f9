// Three real Kafka brokers that are controllers too (KRaft), topics on all three, two of them in sync to acknowledge: for
// faults of one broker of several. Each broker is a process of its own, killed, stopped and continued by its id; all are
// ended when the cluster is disposed, and by their keepers when the test run dies.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { archiveFlags, planClassArchive } from '../../src/dev/class-archive.ts';
import { ensureKafkaJars, KAFKA_FILES, type KafkaJars, userCacheDir } from '../../src/dev/kafka-jars.ts';
import { isKafkaReady } from '../../src/dev/kafka-probe.ts';
import { type KeptProcess, openKeptProcess } from '../../src/dev/kept-process.ts';
import { freePorts } from '../../src/dev/ports.ts';
import { eventually } from './eventually.ts';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const NODES = 3;
const START_MS_MAX = 60_000;

export interface Broker {
  /** 1, 2, 3: what Kafka calls it. */
  readonly id: number;
  /** Where clients are told to go: the proxy, where there is one. */
  readonly address: string;
  readonly proxy: TcpProxy | undefined;
  /** SIGSTOP: its connections stay open, and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its data and ports; resolves when it answers metadata. */
  start(): Promise<void>;
}

export interface Cluster extends AsyncDisposable {
  /** host:port of all three, separated by commas. */
  readonly brokers: string;
  readonly nodes: readonly Broker[];
  /** Broker ids by partition; -1 where there is none. */
  leaders(topic: string): Promise<ReadonlyMap<number, number>>;
  /** Waits until every partition has a leader and three replicas in sync. */
  untilInSync(topic: string): Promise<void>;
  /** Makes the next replica the preferred leader of each partition; the controller moves them within about a second. */
  moveLeaders(topic: string): Promise<void>;
}

interface OpenClusterOptions {
  /** A proxy before each broker, for clients only: brokers talk to each other directly. @default false */
  readonly proxied?: boolean;
}

export async function openCluster({ proxied = false }: OpenClusterOptions = {}): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-cluster-'));
  const jars = await ensureKafkaJars({ cacheDir: userCacheDir(), progress: (message) => console.error(message) });
  const ports = await freePorts(NODES * 3);
  const plan: ClusterPlan = { dir, jars, clusterId: newId(), ports };
  const nodes: OwnedBroker[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.end()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    for (let id = 1; id <= NODES; id++) nodes.push(await createBroker(plan, id, proxied));
    await Promise.all(nodes.map((node) => node.start()));
    const brokers = nodes.map(({ address }) => address).join(',');
    await untilAllSeen(brokers);
    return { brokers, nodes, ...adminOf(brokers), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface ClusterPlan {
  readonly dir: string;
  readonly jars: KafkaJars;
  readonly clusterId: string;
  /** Of clients, of brokers among themselves, of controllers: three each. */
  readonly ports: readonly number[];
}

interface OwnedBroker extends Broker {
  end(): Promise<void>;
}

function portOf({ ports }: ClusterPlan, kind: 'client' | 'internal' | 'controller', id: number): number {
  return ports[{ client: 0, internal: NODES, controller: 2 * NODES }[kind] + id - 1] ?? 0;
}

async function createBroker(plan: ClusterPlan, id: number, proxied: boolean): Promise<OwnedBroker> {
  const port = portOf(plan, 'client', id);
  const proxy = proxied ? await openTcpProxy({ target: { host: '127.0.0.1', port } }) : undefined;
  const address = `127.0.0.1:${proxy?.port ?? port}`;
  const dataDir = join(plan.dir, String(id));
  await mkdir(join(dataDir, 'log'), { recursive: true });
  await writeFile(
    join(dataDir, 'log', 'meta.properties'),
    `version=1\ncluster.id=${plan.clusterId}\nnode.id=${id}\ndirectory.id=${newId()}\n`,
  );
  await writeFile(join(dataDir, 'server.properties'), properties(plan, { id, address, logDir: join(dataDir, 'log') }));
  let running: KeptProcess | undefined;
  const signal = (name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void => {
    if (running?.isRunning()) process.kill(running.pid, name);
  };
  const kill = async (): Promise<void> => {
    signal('SIGKILL');
    await running?.exited;
  };
  const start = async (): Promise<void> => {
    running = await runBroker(plan, dataDir);
    const { exited } = running;
    const ready = eventually(`broker ${id}`, () => isKafkaReady(port, { clusterId: plan.clusterId }), {
      timeoutMs: START_MS_MAX,
      intervalMs: 50,
    });
    const ended = exited.then(({ code }) => {
      throw new Error(`broker ${id} ended with code ${code}: see ${join(dataDir, 'kafka.log')}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ready, ended]);
  };
  const end = async (): Promise<void> => {
    await kill();
    await proxy?.[Symbol.asyncDispose]();
  };
  return { id, address, proxy, freeze: () => signal('SIGSTOP'), thaw: () => signal('SIGCONT'), kill, start, end };
}

async function runBroker({ jars }: ClusterPlan, dataDir: string): Promise<KeptProcess> {
  const archive = await planClassArchive(jars, dataDir);
  // Killed brokers write no archive: the shared one is used where it is there, else classes are loaded the slow way.
  const flags = archive.kind === 'use' ? archiveFlags(archive) : [];
  const classPath = jars.names.map((name) => join(jars.dir, name)).join(delimiter);
  const memory = ['-Xms64m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const log4j = `-Dlog4j.configuration=file:${join(KAFKA_FILES, 'log4j.properties')}`;
  return openKeptProcess({
    command: jars.java.command,
    args: [...memory, ...flags, log4j, '-cp', classPath, 'kafka.Kafka', join(dataDir, 'server.properties')],
    cwd: dataDir,
    output: { file: join(dataDir, 'kafka.log') },
  });
}

interface NodeSettings {
  readonly id: number;
  readonly address: string;
  readonly logDir: string;
}

/** Sessions and elections of a few seconds; leaders go back to the preferred replica within a second or so. */
function properties(plan: ClusterPlan, { id, address, logDir }: NodeSettings): string {
  const ids = Array.from({ length: NODES }, (_, index) => index + 1);
  const listener = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  const internal = listener('INTERNAL', portOf(plan, 'internal', id));
  return [
    'process.roles=broker,controller',
    `node.id=${id}`,
    `controller.quorum.voters=${ids.map((one) => `${one}@127.0.0.1:${portOf(plan, 'controller', one)}`).join(',')}`,
    `listeners=${listener('CLIENT', portOf(plan, 'client', id))},${internal},${listener('CONTROLLER', portOf(plan, 'controller', id))}`,
    `advertised.listeners=CLIENT://${address},${internal}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=INTERNAL',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT',
    `log.dirs=${logDir}`,
    'offsets.topic.replication.factor=3',
    'offsets.topic.num.partitions=3',
    'default.replication.factor=3',
    'min.insync.replicas=2',
    'unclean.leader.election.enable=false',
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    'replica.lag.time.max.ms=3000',
    'controller.quorum.election.timeout.ms=500',
    'controller.quorum.fetch.timeout.ms=1000',
    'leader.imbalance.check.interval.seconds=1',
    'leader.imbalance.per.broker.percentage=0',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    'log.cleaner.dedupe.buffer.size=4194304',
    'num.network.threads=2',
    'num.io.threads=4',
    'background.threads=2',
    '',
  ].join('\n');
}

/** A cluster is there when each broker knows the others: until then topics on three brokers are refused. */
async function untilAllSeen(brokers: string): Promise<void> {
  await withAdmin(brokers, (admin) =>
    eventually('three brokers', async () => (await admin.describeCluster()).brokers.length === NODES, { timeoutMs: START_MS_MAX }),
  );
}

function adminOf(brokers: string): Pick<Cluster, 'leaders' | 'untilInSync' | 'moveLeaders'> {
  const partitionsOf = async (admin: Admin, topic: string) =>
    (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions ?? [];
  return {
    leaders: (topic) =>
      withAdmin(
        brokers,
        async (admin) => new Map((await partitionsOf(admin, topic)).map(({ partitionId, leader }) => [partitionId, leader] as const)),
      ),
    untilInSync: (topic) =>
      withAdmin(brokers, async (admin) => {
        const inSync = async (): Promise<boolean> => {
          const partitions = await partitionsOf(admin, topic);
          return partitions.length > 0 && partitions.every(({ leader, isr }) => leader > 0 && isr.length === NODES);
        };
        await eventually(`all replicas of ${topic} in sync`, inSync, { timeoutMs: START_MS_MAX });
      }),
    moveLeaders: (topic) =>
      withAdmin(brokers, async (admin) => {
        const partitionAssignment = (await partitionsOf(admin, topic)).map(({ partitionId, replicas }) => {
          const [first = 0, ...rest] = replicas;
          return { partition: partitionId, replicas: [...rest, first] };
        });
        await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
      }),
  };
}

async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: brokers.split(','), clientId: 'gbx-tests', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** 22 characters of base64url that do not start with `-`. */
function newId(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}
