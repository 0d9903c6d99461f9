// `gbx dev`: everything on one machine. Starts real servers for what is not configured, then gbx's own commands as child
// processes (migrate, serve, consume): the very processes of production, so that what a newcomer sees is what he will
// deploy, a crash of one is seen as what it is, and each can be killed to see what happens. Then shows what arrives.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { raceAbort, untilAborted } from '../core/clock.ts';
import { type Config, SETTINGS } from '../core/config.ts';
import { EXIT } from '../core/errors.ts';
import { openWatch } from '../core/follow/watch.ts';
import type { Logger } from '../core/log.ts';
import { createTraffic } from '../core/traffic/traffic.ts';
import { childSettings } from '../dev/child-settings.ts';
import { type DataDir, openDataDir } from '../dev/data-dir.ts';
import { openGbx } from '../dev/gbx-process.ts';
import { type LocalServers, openLocalServers, pgpassFile } from '../dev/local-servers.ts';
import { openChildren } from '../dev/open-children.ts';
import { sendTraffic } from '../dev/send-traffic.ts';
import { openAdmin } from '../kafka/open-admin.ts';
import { openSource } from '../kafka/open-source.ts';
import type { CommandContext } from '../run-command.ts';
import { createDevScreen, type PartOnScreen } from '../ui/dev-screen.ts';
import { openReader } from '../warehouse/open-reader.ts';

/** Together with the servers' five seconds: all is stopped in ten. */
const GRACE_SECONDS = { serve: 2, consume: 3, migrate: 1 };
const DRAIN_SECONDS = 2;
/** Nobody wants to wait half a minute for his first row. */
const BATCH_TIMEOUT_SECONDS = 1;
const SESSION_TIMEOUT_SECONDS = 10;

/** What serve and consume meet they say themselves, and it is shown: the few connections from here need not say it again. */
const NO_LOG: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };

/** @throws {GbxError} GBX_LOCAL_STACK when a part cannot be started, or ends */
export async function run(context: CommandContext): Promise<number> {
  const { signal } = context;
  try {
    await runStack(context);
  } catch (error) {
    // Stopped while it was starting: what had been started is stopped, and that was wanted.
    if (!signal.aborted || error !== signal.reason) throw error;
  }
  context.stderr.write('  stopped\n');
  return EXIT.done;
}

async function runStack(context: CommandContext): Promise<void> {
  const { config, options, signal, clock, stdout } = context;
  const startMs = clock.elapsed();
  const progress = (message: string): void => context.stderr.write(`  ${message}\n`);
  const screen = createDevScreen(stdout);
  const since = (fromMs: number): string => `${((clock.elapsed() - fromMs) / 1000).toFixed(1)} s`;
  const keepsSpool = config.kafkaBootstrapServers !== undefined;
  await using data = await openDataDir(config.dataDir, { fresh: options['fresh'] === true, keepsSpool });
  await using servers = await openLocalServers({
    data,
    kafka: config.kafkaBootstrapServers ? undefined : { port: asPort(options['kafkaPort']) },
    postgres: config.dbHost === undefined ? { port: asPort(options['postgresPort']) } : undefined,
    progress,
    signal,
  });
  const settled = { ...context, log: NO_LOG, config: settle(context, { data, servers }) };
  await assertReachable(settled, servers);
  progress(
    `Kafka and ${servers.postgres ? 'PostgreSQL' : 'the warehouse'} answer (${since(startMs)}); bringing tables and topics up to date`,
  );
  await migrate(settled);
  progress(`tables and topics are there (${since(startMs)}); starting serve and consume`);

  await using reader = openReader(warehouseConnection(settled, { clientId: 'gbx-dev' }));
  await using watch = openWatch({ openSource: () => openTopic(settled), reader, screen, clock, deadLetterTopic: config.deadLetterTopic });
  await using children = await openChildren({ ...settled, graceSeconds: GRACE_SECONDS, onEvent: watch.onEvent, progress });
  const { serve, consume } = children;
  await raceAbort(signal, Promise.all([consume.process.until('partitions.claimed'), watch.placed]));

  const { url } = serve;
  const perSecond = asRate(options['traffic']);
  screen.ready({
    tookMs: clock.elapsed() - startMs,
    parts: describeParts(settled, { servers, data, urls: { serve: url, consume: consume.url } }),
    url,
    topic: config.kafkaTopic,
    psql:
      servers.postgres && `PGPASSFILE=${pgpassFile(data)} psql -h 127.0.0.1 -p ${servers.postgres.port} -U ${servers.postgres.user} dev`,
    trafficPerSecond: perSecond,
  });
  if (perSecond !== undefined) startTraffic(settled, { url, perSecond, progress });
  const ended = await Promise.race([untilAborted(signal), servers.ended, serve.process.ended, consume.process.ended]);
  if (ended !== undefined && !signal.aborted) throw 'problem' in ended ? ended.problem : ended;
}

// --- Settings ---------------------------------------------------------------------------------------------------------

interface SettleOptions {
  readonly data: DataDir;
  readonly servers: LocalServers;
}

/** The configuration with which serve and consume run. What the user has set stays as he set it. */
function settle({ config, sources }: CommandContext, { data, servers: { kafka, postgres } }: SettleOptions): Config {
  return {
    ...config,
    // Then the read routes need no key.
    httpHost: sources.httpHost === 'default' ? '127.0.0.1' : config.httpHost,
    batchTimeoutSeconds: sources.batchTimeoutSeconds === 'default' ? BATCH_TIMEOUT_SECONDS : config.batchTimeoutSeconds,
    drainTimeoutSeconds: DRAIN_SECONDS,
    drainDelaySeconds: 0,
    // A consumer that was killed keeps its partitions from the next one for this long.
    sessionTimeoutSeconds: sources.sessionTimeoutSeconds === 'default' ? SESSION_TIMEOUT_SECONDS : config.sessionTimeoutSeconds,
    dataDir: data.path,
    spoolDir: config.spoolDir ?? join(data.path, 'spool'),
    logLevel: 'debug',
    logFormat: 'json',
    ...(kafka && { kafkaBootstrapServers: [kafka.brokers], kafkaTls: 'off', kafkaCaFile: undefined }),
    ...(postgres && {
      dbHost: postgres.host,
      dbPort: postgres.port,
      dbName: postgres.database,
      dbUser: postgres.user,
      dbPassword: postgres.password,
      dbTls: 'off',
      dbCaFile: undefined,
      dbDialect: 'auto',
    }),
  };
}

/** What is configured and not ours is asked first: its failure has better words here than in a child's log. */
async function assertReachable(settled: CommandContext, { kafka, postgres }: LocalServers): Promise<void> {
  if (!kafka) {
    await using admin = await openAdmin(kafkaConnection(settled, { clientId: 'gbx-dev' }));
    await admin.clusterId();
  }
  if (!postgres) {
    await using reader = openReader(warehouseConnection(settled, { clientId: 'gbx-dev' }));
    await reader.ping();
  }
}

/** The topic as a member of a group of its own sees it. */
function openTopic(settled: CommandContext): ReturnType<typeof openSource> {
  const { kafkaTopic, sessionTimeoutSeconds, batchBytesMax } = settled.config;
  return openSource(kafkaConnection(settled, { clientId: 'gbx-dev' }), {
    topic: kafkaTopic,
    group: `gbx-dev-${randomUUID()}`,
    sessionTimeoutMs: sessionTimeoutSeconds * 1000,
    rebalanceTimeoutMs: sessionTimeoutSeconds * 1000,
    bufferBytesMax: batchBytesMax,
  });
}

// --- Children ---------------------------------------------------------------------------------------------------------

async function migrate({ config, signal }: CommandContext): Promise<void> {
  const options = { env: childSettings(config), graceSeconds: GRACE_SECONDS.migrate, onEvent: () => undefined };
  await using child = await openGbx(['migrate', 'up'], options);
  const { code, problem } = await raceAbort(signal, child.ended);
  if (code !== 0) throw problem;
}

// --- The screen -------------------------------------------------------------------------------------------------------------

interface StartTrafficOptions {
  readonly url: string;
  readonly perSecond: number;
  readonly progress: (message: string) => void;
}

function startTraffic({ clock, signal }: CommandContext, { url, perSecond, progress }: StartTrafficOptions): void {
  const traffic = createTraffic({ seed: randomUUID(), startMs: clock.now(), intervalMs: 1000 / perSecond });
  void sendTraffic(traffic, {
    url,
    perSecond,
    clock,
    signal,
    onFailure: (reason) => progress(`synthetic exposures are refused: ${reason}`),
  });
}

interface DescribeOptions {
  readonly servers: LocalServers;
  readonly data: DataDir;
  readonly urls: { readonly serve: string; readonly consume: string };
}

function describeParts({ config, sources }: CommandContext, { servers: { kafka, postgres }, data, urls }: DescribeOptions): PartOnScreen[] {
  const { batchTimeoutSeconds, dbHost, dbPort, dbName } = config;
  const usual = sources.batchTimeoutSeconds === 'default' ? ` (elsewhere ${SETTINGS.batchTimeoutSeconds.default} s)` : '';
  const away = postgres && postgres.dataDir !== data.postgres ? `; PostgreSQL's in ${postgres.dataDir}` : '';
  return [
    { name: 'serve', where: urls.serve, note: 'POST /exposure, /health, /metrics' },
    {
      name: 'consume',
      where: `${urls.consume}/metrics`,
      note: `loads after ${batchTimeoutSeconds} s${usual}`,
    },
    kafka
      ? { name: 'Kafka', where: kafka.brokers, note: `Apache Kafka 3.8.1, process ${kafka.pid}` }
      : { name: 'Kafka', where: config.kafkaBootstrapServers?.join(',') ?? '', note: `yours, from ${sources.kafkaBootstrapServers}` },
    postgres
      ? {
          name: 'PostgreSQL',
          where: `${postgres.host}:${postgres.port}/${postgres.database}`,
          note: `in Redshift's place, process ${postgres.pid}`,
        }
      : { name: 'warehouse', where: `${dbHost}:${dbPort}/${dbName}`, note: `yours, from ${sources.dbHost}` },
    ...(kafka || postgres ? [{ name: 'data', where: data.path, note: `kept until npm start -- --fresh${away}` }] : []),
  ];
}

function asPort(option: unknown): number | undefined {
  return typeof option === 'number' ? option : undefined;
}

function asRate(option: unknown): number | undefined {
  return typeof option === 'number' && option > 0 ? option : undefined;
}
