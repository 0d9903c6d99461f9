// The drain with one record in a thousand that is no exposure, against the same drain without: what a bad record costs the good ones.
import { type Drain, drainOnce } from './consume.ts';
import { atLeast, goalTable, rate, spread, table, whole } from './markdown.ts';
import { median } from './median.ts';
import type { BenchOptions } from './options.ts';
import type { RecordSet } from './records.ts';
import type { Stack } from './stack.ts';
import { createTable } from './table.ts';
import { createTopics, fillTopic, PARTITIONS } from './topic.ts';

const POISON_EVERY = 1_000;
const TOPICS = { clean: 'exposures-clean', poisoned: 'exposures-poisoned' } as const;
type Kind = keyof typeof TOPICS;

interface PoisonFigures {
  readonly records: number;
  readonly poisoned: number;
  readonly recordsPerSecond: Readonly<Record<Kind, readonly number[]>>;
}

export async function benchPoison(stack: Stack, { records, runs }: BenchOptions): Promise<PoisonFigures> {
  const set: RecordSet = { records, endMs: Date.now() };
  const poisoned = Math.ceil(records / POISON_EVERY);
  await createTopics(
    stack.brokers,
    Object.fromEntries(
      Object.values(TOPICS).flatMap((topic) => [
        [topic, PARTITIONS],
        [`${topic}.dlq`, 1],
      ]),
    ),
  );
  await fillTopic(stack.brokers, TOPICS.clean, set);
  await fillTopic(stack.brokers, TOPICS.poisoned, set, { poisonEvery: POISON_EVERY });
  await using target = await createTable(stack.postgres, 'bench_poison');
  await target.setKey(false);
  const rates: Record<Kind, number[]> = { clean: [], poisoned: [] };
  // In turn, so that what slows the machine for a while slows both.
  for (let run = 0; run < runs; run++) {
    for (const kind of ['clean', 'poisoned'] as const) {
      const drain: Drain = await drainOnce({ stack, database: target.database, topic: TOPICS[kind], records, dialect: 'postgres' });
      await target.assertLoaded({ records: kind === 'clean' ? records : records - poisoned });
      await target.truncate();
      rates[kind].push(drain.recordsPerSecond);
      console.error(`bench: ${kind}: ${Math.round(drain.recordsPerSecond)}/s`);
    }
  }
  return { records, poisoned, recordsPerSecond: rates };
}

export function poisonTables({ records, poisoned, recordsPerSecond: { clean, poisoned: bad } }: PoisonFigures): string {
  return [
    `${whole(records)} records, PostgreSQL dialect, no key, empty table; ${whole(poisoned)} of them dead letters by validation.`,
    table(
      ['drain', 'records/s', 'runs'],
      [
        ['clean', rate(median(clean)), spread(clean)],
        ['1 in 1,000 poisoned', rate(median(bad)), spread(bad)],
      ],
    ),
    goalTable([atLeast('poisoned / clean', median(bad) / median(clean), 0.9)]),
  ].join('\n\n');
}
