// What gbx serve and gbx consume cost while nothing happens: CPU of each over a while, after they have settled.
import { randomUUID } from 'node:crypto';
import { systemClock } from '../src/core/clock.ts';
import { readUsage, type Watched, watchNode } from './children.ts';
import { below, goalTable, table } from './markdown.ts';
import type { BenchOptions } from './options.ts';
import type { Stack } from './stack.ts';
import { createTable } from './table.ts';
import { createTopics, PARTITIONS } from './topic.ts';

const TOPIC = 'exposures-idle';
const START_MS_MAX = 30_000;
const SETTLE_MS = 5_000;
/** CPU time is counted in hundredths of a second: a share of 0.1 % takes ten seconds to show. */
const SECONDS_MIN = 30;
const PERCENT_MAX = 2;

interface IdleFigures {
  readonly seconds: number;
  readonly consumePercent: number;
  readonly servePercent: number;
}

export async function benchIdle(stack: Stack, options: BenchOptions): Promise<IdleFigures> {
  const seconds = Math.max(SECONDS_MIN, options.seconds);
  await createTopics(stack.brokers, { [TOPIC]: PARTITIONS, [`${TOPIC}.dlq`]: 1 });
  await using target = await createTable(stack.postgres, 'bench_idle');
  const { host, port, user, password } = stack.postgres;
  const env = {
    KAFKA_BOOTSTRAP_SERVERS: stack.brokers,
    GBX_TOPIC: TOPIC,
    GBX_DEAD_LETTER_TOPIC: `${TOPIC}.dlq`,
    GBX_CONSUMER_GROUP: `bench-${randomUUID()}`,
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: user,
    DB_PASSWORD: password,
    DB_NAME: target.database,
    GBX_HTTP_HOST: '127.0.0.1',
    GBX_LOG_FORMAT: 'json',
  };
  const cwd = stack.dir;
  await using consume = await watchNode({ args: [stack.build.cli, 'consume'], cwd, env: { ...env, GBX_ADMIN_PORT: '0' } });
  await using serve = await watchNode({ args: [stack.build.cli, 'serve'], cwd, env: { ...env, GBX_HTTP_PORT: '0' } });
  await consume.event('partitions.claimed', START_MS_MAX);
  await serve.event('serve.listening', START_MS_MAX);
  await systemClock.sleep(SETTLE_MS);
  const before = await cpuOf(consume, serve);
  const startMs = systemClock.elapsed();
  await systemClock.sleep(seconds * 1000);
  const after = await cpuOf(consume, serve);
  const percent = (used: number): number => (used / ((systemClock.elapsed() - startMs) / 1000)) * 100;
  return {
    seconds,
    consumePercent: percent(after.consume - before.consume),
    servePercent: percent(after.serve - before.serve),
  };
}

async function cpuOf(consume: Watched, serve: Watched): Promise<{ readonly consume: number; readonly serve: number }> {
  return { consume: (await readUsage(consume.pid)).cpuSeconds, serve: (await readUsage(serve.pid)).cpuSeconds };
}

export function idleTables({ seconds, consumePercent, servePercent }: IdleFigures): string {
  const share = (value: number): string => `${value.toFixed(2)} %`;
  return [
    `CPU over ${seconds} s in which nothing is sent, ${PARTITIONS} partitions.`,
    table(
      ['process', 'of one core'],
      [
        ['`gbx consume`', share(consumePercent)],
        ['`gbx serve`', share(servePercent)],
      ],
    ),
    goalTable([
      below('idle `gbx consume`', consumePercent, { max: PERCENT_MAX, unit: '%' }),
      below('idle `gbx serve`', servePercent, { max: PERCENT_MAX, unit: '%' }),
    ]),
  ].join('\n\n');
}
