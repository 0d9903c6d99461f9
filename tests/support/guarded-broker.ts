// A real broker that asks for rights, as Kafka's own authorizer does it: everything is allowed until a right is given to
// somebody, and then only what is given. All clients of a test are the same user, who has no password.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import kafkajs, { type AclOperationTypes, type AclResourceTypes, type Admin, Kafka, logLevel } from 'kafkajs';
import { ensureKafkaJars, KAFKA_FILES, userCacheDir } from '../../src/dev/kafka-jars.ts';
import { isKafkaReady } from '../../src/dev/kafka-probe.ts';
import { kafkaProperties, metaProperties } from '../../src/dev/kafka-properties.ts';
import { openKeptProcess } from '../../src/dev/kept-process.ts';
import { freePorts } from '../../src/dev/ports.ts';
import { eventually } from './eventually.ts';

const START_MS_MAX = 60_000;
const AUTHORIZER = 'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nallow.everyone.if.no.acl.found=true\n';

type Operation = 'READ' | 'WRITE' | 'DESCRIBE';

interface Restriction {
  readonly kind: 'TOPIC' | 'GROUP';
  readonly name: string;
  /** All that is allowed from now on; Kafka takes DESCRIBE as given with READ and WRITE. */
  readonly to: readonly Operation[];
}

const CLUSTER_ID = 'gbx-guarded-cluster-00';

export interface GuardedBroker extends AsyncDisposable {
  /** host:port. */
  readonly brokers: string;
  restrict(restriction: Restriction): Promise<void>;
}

export async function openGuardedBroker(): Promise<GuardedBroker> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-guarded-'));
  const jars = await ensureKafkaJars({ cacheDir: userCacheDir(), progress: (message) => console.error(message) });
  const [plaintext = 0, controller = 0] = await freePorts(2);
  const logDir = join(dir, 'log');
  await mkdir(logDir, { recursive: true });
  await writeFile(join(logDir, 'meta.properties'), metaProperties(CLUSTER_ID, 'gbx-guarded-folder-000'));
  const settings = join(dir, 'server.properties');
  await writeFile(settings, kafkaProperties({ ports: { plaintext, controller }, advertisedPort: plaintext, logDir }) + AUTHORIZER);
  const classPath = jars.names.map((name) => join(jars.dir, name)).join(delimiter);
  const memory = ['-Xms64m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const log4j = `-Dlog4j.configuration=file:${join(KAFKA_FILES, 'log4j.properties')}`;
  const broker = await openKeptProcess({
    command: jars.java.command,
    args: [...memory, log4j, '-cp', classPath, 'kafka.Kafka', settings],
    cwd: dir,
    output: { file: join(dir, 'kafka.log') },
  });
  const brokers = `127.0.0.1:${plaintext}`;
  const dispose = async (): Promise<void> => {
    await broker.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await eventually('a broker with rights', () => isKafkaReady(plaintext, { clusterId: CLUSTER_ID }), {
      timeoutMs: START_MS_MAX,
      intervalMs: 50,
    });
    // The first who asks for a group has the broker make the topic of its offsets, and is told to come again.
    await eventually('a coordinator of groups', () => knowsGroups(brokers), { timeoutMs: START_MS_MAX });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { brokers, restrict: (restriction) => restrict(brokers, restriction), [Symbol.asyncDispose]: dispose };
}

async function knowsGroups(brokers: string): Promise<boolean> {
  return withAdmin(brokers, async (admin) => (await admin.describeGroups(['any'])).groups.length === 1);
}

async function restrict(brokers: string, { kind, name, to }: Restriction): Promise<void> {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const entry = (principal: string, operation: AclOperationTypes) => ({
    resourceType: AclResourceTypes[kind] as AclResourceTypes,
    resourceName: name,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal,
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  });
  // A right of somebody else takes those away that nobody had to be given.
  const acl = [entry('User:nobody', AclOperationTypes.ALL), ...to.map((right) => entry('User:ANONYMOUS', AclOperationTypes[right]))];
  await withAdmin(brokers, (admin) => admin.createAcls({ acl }));
}

async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [brokers], clientId: 'gbx-tests', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
