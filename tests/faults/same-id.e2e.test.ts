// Contract: the same id in two partitions at the same moment, loaded by two consumers, becomes one row, with no key that
// would enforce it, at every isolation level. Both transactions are made to overlap: the first one's COMMIT is held until
// the second one has begun, and would have gone on if nothing kept it.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { logged, partitionsHeld } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { type FrontendMessage, openPostgresProxy } from '../support/postgres-proxy.ts';
import { eventually, openDatabase, testStack } from '../support/stack.ts';

const IDS = 100;
/** The second one needs a millisecond or so from BEGIN to its INSERT when nothing holds it. */
const HEAD_START_MS = 400;

interface Rendezvous {
  /** From now on the two flushes wait for each other. */
  arm(): void;
  readonly onMessage: (consumer: number) => (message: FrontendMessage) => Promise<'forward'>;
  /** How many consumers were in a flush's transaction, or at its door, before the first COMMIT went on. */
  overlapping(): number;
}

function createRendezvous(): Rendezvous {
  const begun = new Set<number>();
  let armed = false;
  let released = false;
  let overlapped = 0;
  return {
    arm: () => {
      armed = true;
    },
    overlapping: () => overlapped,
    onMessage: (consumer) => async (message) => {
      if (!armed || released || message.statement === undefined) return 'forward';
      if (message.sql?.startsWith('BEGIN; LOCK TABLE')) begun.add(consumer);
      if (message.sql === 'COMMIT' && begun.has(consumer)) {
        await eventually('both in a flush', () => begun.size === 2);
        await systemClock.sleep(HEAD_START_MS);
        if (!released) overlapped = begun.size;
        released = true;
      }
      return 'forward';
    },
  };
}

async function sendToBoth(pipeline: Pipeline): Promise<void> {
  const traffic = otherTraffic();
  const records = Array.from({ length: IDS }, (_, i) => recordOf(traffic.eventAt(i), 0));
  const copies = records.map((record) => ({ ...record, partition: 1, expected: { kind: 'copy' } as const }));
  await pipeline.sendRecords([...records, ...copies]);
}

describe.concurrent('gbx consume', () => {
  it.each(
    (['read committed', 'repeatable read', 'serializable'] as const).flatMap((isolation) => [
      { isolation, dialect: 'redshift' },
      { isolation, dialect: 'postgres' },
    ]),
  )(
    'keeps one row of an id that two load at once, $isolation, dialect $dialect',
    async ({ isolation, dialect }) => {
      await using database = await openDatabase({ isolation, primaryKey: false });
      await using pipeline = await openPipeline({ partitions: 2, database, env: { GBX_DB_DIALECT: dialect } });
      const meeting = createRendezvous();
      const target = testStack().postgres;
      await using proxyOne = await openPostgresProxy({ target, onMessage: meeting.onMessage(1) });
      await using proxyTwo = await openPostgresProxy({ target, onMessage: meeting.onMessage(2) });
      const one = await pipeline.consumer({ DB_PORT: String(proxyOne.port) });
      const two = await pipeline.consumer({ DB_PORT: String(proxyTwo.port) });
      await pipeline.until('a partition each', () => partitionsHeld(one) === 1 && partitionsHeld(two) === 1);
      meeting.arm();
      await sendToBoth(pipeline);
      expect(await pipeline.expectExact()).toMatchObject({ rows: IDS, letters: 0 });
      expect(meeting.overlapping()).toBe(2);
      // Each loaded its partition; together they inserted each id once.
      const batches = (): unknown[][] => [one, two].map((consumer) => logged(consumer, 'batch.loaded').map((line) => line['inserted']));
      await pipeline.until('the line of both batches', () => batches().every((own) => own.length > 0));
      const inserted = batches().flat().map(Number);
      expect(inserted.reduce((sum, count) => sum + count, 0)).toBe(IDS);
    },
    90_000,
  );
});
