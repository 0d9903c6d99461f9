// A real Apache Kafka broker as a child process: for `gbx dev` and for the tests, which may run several at once.
// Keeps its data over restarts, answers metadata before `openKafka` returns, and ends when we do.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { GbxError } from '../core/errors.ts';
import { archiveFlags, type ClassArchive, planClassArchive } from './class-archive.ts';
import { ensureKafkaJars, KAFKA_FILES, type KafkaJars, type Progress } from './kafka-jars.ts';
import { isKafkaReady } from './kafka-probe.ts';
import { type KafkaPorts, kafkaProperties, metaProperties } from './kafka-properties.ts';
import { type KeptProcess, openKeptProcess, SERVER_ORPHAN_DELAY_SECONDS } from './kept-process.ts';
import { logTail } from './log-tail.ts';
import { assertFormerGone, writePidFile } from './pid-file.ts';
import { freePorts, preferPort } from './ports.ts';
import { untilReady } from './until-ready.ts';

const START_MS_MAX = 60_000;
/** A port found free may be gone when the broker binds it. */
const ATTEMPTS_MAX = 3;

interface KafkaTls {
  /** PEM, PKCS#8. */
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export interface OpenKafkaOptions {
  /** Made where missing; holds the data, the settings and the log. */
  readonly dataDir: string;
  readonly cacheDir: string;
  /** Free ones are taken for those not given. */
  readonly ports?: Partial<KafkaPorts>;
  /** For the plaintext port, where none is given: this one, unless it is taken. */
  readonly preferredPort?: number;
  /** Where clients are told to go instead of the plaintext port: a proxy's. */
  readonly advertisedPort?: number | undefined;
  /** Adds a TLS listener. */
  readonly tls?: KafkaTls | undefined;
  /** False for benchmarks: then the JVM compiles as in production, at the price of a slower start. @default true */
  readonly quickStart?: boolean;
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface KafkaServer extends AsyncDisposable {
  /** host:port without TLS. */
  readonly brokers: string;
  /** host:port with TLS, where it was asked for. */
  readonly tlsBrokers: string | undefined;
  readonly ports: KafkaPorts;
  /** Of the JVM. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the broker has ended, wanted or not. */
  readonly exited: KeptProcess['exited'];
  stop(): Promise<void>;
}

/** @throws {GbxError} GBX_LOCAL_STACK where it cannot be had or does not come up, with the end of its log */
export async function openKafka(options: OpenKafkaOptions): Promise<KafkaServer> {
  const { cacheDir, signal, progress = () => undefined } = options;
  const dataDir = resolve(options.dataDir);
  const jars = await ensureKafkaJars({ cacheDir, progress, signal });
  await mkdir(join(dataDir, 'log'), { recursive: true });
  await assertFormerGone(join(dataDir, 'kafka.pid'), { what: 'Kafka', progress, signal });
  const clusterId = await keptClusterId(join(dataDir, 'log', 'meta.properties'));
  for (let attempt = 1; ; attempt++) {
    const started = await startBroker({ ...options, dataDir, clusterId }, jars);
    if (started.kind === 'ready') return started.server;
    const retry = started.addressInUse && attempt < ATTEMPTS_MAX;
    if (!retry)
      throw new GbxError('GBX_LOCAL_STACK', `${started.reason}\n${started.tail}`, { hint: `its whole log is ${started.logFile}` });
  }
}

type Started =
  | { readonly kind: 'ready'; readonly server: KafkaServer }
  | { readonly kind: 'failed'; readonly reason: string; readonly tail: string; readonly logFile: string; readonly addressInUse: boolean };

async function startBroker(options: OpenKafkaOptions & { readonly clusterId: string }, jars: KafkaJars): Promise<Started> {
  const { dataDir, clusterId, signal } = options;
  const ports = await choosePorts(options);
  const archive = await planClassArchive(jars, dataDir);
  const logFile = join(dataDir, 'kafka.log');
  await writeFile(logFile, '');
  await writeSettings(options, ports);
  const broker = await openKeptProcess({
    command: jars.java.command,
    args: javaArguments({ jars, archive, dataDir, quickStart: options.quickStart ?? true }),
    cwd: dataDir,
    output: { file: logFile },
    orphanDelaySeconds: SERVER_ORPHAN_DELAY_SECONDS,
  });
  await writePidFile(join(dataDir, 'kafka.pid'), broker.pid);
  const readiness = await untilReady({
    check: () => isKafkaReady(ports.plaintext, { clusterId }),
    exited: broker.exited,
    timeoutMs: START_MS_MAX,
    signal,
  });
  if (readiness.kind === 'ready') return { kind: 'ready', server: asServer({ broker, ports, logFile, archive }) };
  await broker.stop();
  signal?.throwIfAborted();
  const tail = await logTail(logFile, 15);
  const reason =
    readiness.kind === 'ended'
      ? `Kafka ended while starting (code ${readiness.code ?? 'unknown'})`
      : `Kafka was not ready after ${START_MS_MAX / 1000} s`;
  return {
    kind: 'failed',
    reason,
    tail,
    logFile,
    addressInUse: /Address already in use/.test(tail) && options.ports?.plaintext === undefined,
  };
}

interface AsServerOptions {
  readonly broker: KeptProcess;
  readonly ports: KafkaPorts;
  readonly logFile: string;
  readonly archive: ClassArchive;
}

function asServer({ broker, ports, logFile, archive }: AsServerOptions): KafkaServer {
  const stop = async (): Promise<void> => {
    await broker.stop();
    await archive.keep();
  };
  return {
    brokers: `127.0.0.1:${ports.plaintext}`,
    tlsBrokers: ports.tls === undefined ? undefined : `127.0.0.1:${ports.tls}`,
    ports,
    pid: broker.pid,
    logFile,
    exited: broker.exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface JavaOptions {
  readonly jars: KafkaJars;
  readonly archive: ClassArchive;
  readonly dataDir: string;
  readonly quickStart: boolean;
}

function javaArguments({ jars, archive, dataDir, quickStart }: JavaOptions): string[] {
  const classPath = jars.names.map((name) => join(jars.dir, name)).join(delimiter);
  const memory = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', ...(quickStart ? ['-XX:TieredStopAtLevel=1'] : [])];
  const log4j = `-Dlog4j.configuration=file:${join(KAFKA_FILES, 'log4j.properties')}`;
  return [...memory, ...archiveFlags(archive), log4j, '-cp', classPath, 'kafka.Kafka', join(dataDir, 'server.properties')];
}

async function choosePorts({ ports = {}, preferredPort, tls }: OpenKafkaOptions): Promise<KafkaPorts> {
  const [free = 0, controller = 0, secure = 0] = await freePorts(3);
  const plaintext = ports.plaintext ?? (preferredPort === undefined ? free : await preferPort(preferredPort));
  return { plaintext, controller: ports.controller ?? controller, ...(tls ? { tls: ports.tls ?? secure } : {}) };
}

async function writeSettings({ dataDir, tls, advertisedPort }: OpenKafkaOptions, ports: KafkaPorts): Promise<void> {
  const tlsFiles = tls ? { keystore: join(dataDir, 'keystore.pem'), truststore: join(dataDir, 'truststore.pem') } : undefined;
  if (tls && tlsFiles) {
    await writeFile(tlsFiles.keystore, `${tls.key}\n${tls.cert}\n${tls.ca}\n`, { mode: 0o600 });
    await writeFile(tlsFiles.truststore, tls.ca);
  }
  const properties = kafkaProperties({ ports, advertisedPort: advertisedPort ?? ports.plaintext, logDir: join(dataDir, 'log'), tlsFiles });
  await writeFile(join(dataDir, 'server.properties'), properties);
}

/** Made once: the ids stay for as long as the data does. */
async function keptClusterId(file: string): Promise<string> {
  await writeFile(file, metaProperties(newKafkaId(), newKafkaId()), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const [, clusterId] = /^cluster\.id=(\S+)$/mu.exec(await readFile(file, 'utf8')) ?? [];
  if (clusterId === undefined) throw new GbxError('GBX_LOCAL_STACK', `There is no cluster.id in ${file}`, { hint: 'npm start -- --fresh' });
  return clusterId;
}

function newKafkaId(): string {
  const bytes = randomBytes(16);
  // The first six bits are the first character; without the top one it is a letter.
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}
