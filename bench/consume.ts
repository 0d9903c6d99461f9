// One drain: a `gbx consume` in a new group reads the topic from its start, and its own log says how long it took.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/core/clock.ts';
import { type LogLine, readUsage, type Usage, watchNode } from './children.ts';
import type { Stack } from './stack.ts';

const BATCH_SIZE = 100;
const START_MS_MAX = 60_000;
/** Without a batch for this long it stands still. */
const STILL_MS_MAX = 120_000;
const STEPS = ['stageMs', 'lockMs', 'insertMs', 'commitMs'] as const;

export interface Drain {
  readonly recordsPerSecond: number;
  readonly seconds: number;
  readonly batches: number;
  readonly rowsPerBatch: number;
  /** Of one consumer's Node, from the first claim on. */
  readonly cpuSecondsPer100k: number;
  readonly rssPeakMb: number;
  /** Shares of the time by step of the flush; what is left is waiting for records. */
  readonly stepShares: Readonly<Record<string, number>>;
}

export interface DrainRequest {
  readonly stack: Stack;
  readonly database: string;
  readonly topic: string;
  readonly records: number;
  readonly dialect: 'postgres' | 'redshift';
  /** Of Node, before the program's name. */
  readonly nodeFlags?: readonly string[];
  /** Over the settings of the benchmark. */
  readonly env?: Readonly<Record<string, string>>;
}

/** @throws {Error} with the end of its log, where it does not load everything */
export async function drainOnce(request: DrainRequest): Promise<Drain> {
  const { stack, records, nodeFlags = [] } = request;
  const batches: LogLine[] = [];
  let loaded = 0;
  let lastAtMs = systemClock.elapsed();
  await using consumer = await watchNode({
    args: [...nodeFlags, stack.build.cli, 'consume'],
    cwd: stack.dir,
    env: { ...settings(request), ...request.env },
    onLine: (line) => {
      if (line['event'] !== 'batch.loaded') return;
      batches.push(line);
      loaded += Number(line['records']);
      lastAtMs = systemClock.elapsed();
    },
  });
  const claimed = await consumer.event('partitions.claimed', START_MS_MAX);
  const before = await readUsage(consumer.pid);
  lastAtMs = systemClock.elapsed();
  while (loaded < records) {
    if (systemClock.elapsed() - lastAtMs > STILL_MS_MAX)
      throw new Error(`stands still at ${loaded} of ${records} records:\n${consumer.tail()}`);
    await systemClock.sleep(25);
  }
  const after = await readUsage(consumer.pid);
  await consumer.stop();
  return summarize({ claimed, batches, records, before, after });
}

/** Of a program that reads this topic and this table. */
export function settings({
  stack,
  database,
  topic,
  dialect,
}: Pick<DrainRequest, 'stack' | 'database' | 'topic' | 'dialect'>): Record<string, string> {
  const { host, port, user, password } = stack.postgres;
  return {
    KAFKA_BOOTSTRAP_SERVERS: stack.brokers,
    GBX_TOPIC: topic,
    GBX_DEAD_LETTER_TOPIC: `${topic}.dlq`,
    GBX_CONSUMER_GROUP: `bench-${randomUUID()}`,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: user,
    DB_PASSWORD: password,
    DB_NAME: database,
    GBX_DB_DIALECT: dialect,
    BATCH_SIZE: String(BATCH_SIZE),
    BATCH_TIMEOUT_SECONDS: '1',
    GBX_ADMIN_PORT: '0',
    GBX_LOG_FORMAT: 'json',
  };
}

interface Summary {
  readonly claimed: LogLine;
  readonly batches: readonly LogLine[];
  readonly records: number;
  readonly before: Usage;
  readonly after: Usage;
}

function summarize({ claimed, batches, records, before, after }: Summary): Drain {
  // A rest smaller than BATCH_SIZE waits for its age to come: neither it nor its wait belongs to the drain of a backlog.
  const rest = Number(batches.at(-1)?.['records']);
  const counted = rest < BATCH_SIZE && batches.length > 1 ? batches.slice(0, -1) : batches;
  const drained = counted.length === batches.length ? records : records - rest;
  const seconds = (timeOf(counted.at(-1)) - timeOf(claimed)) / 1000;
  const stepShares = Object.fromEntries(
    STEPS.map((step) => [step.replace('_ms', ''), counted.reduce((sum, line) => sum + Number(line[step] ?? 0), 0) / 1000 / seconds]),
  );
  return {
    recordsPerSecond: drained / seconds,
    seconds,
    batches: counted.length,
    rowsPerBatch: drained / counted.length,
    cpuSecondsPer100k: ((after.cpuSeconds - before.cpuSeconds) / records) * 100_000,
    rssPeakMb: after.rssPeakBytes / 1_000_000,
    stepShares,
  };
}

function timeOf(line: LogLine | undefined): number {
  return Date.parse(String(line?.['time']));
}
