// Contract: a row that only the warehouse refuses costs itself. It is requeued with its history in headers, its bytes and key as
// they were, and given up when its retries are used up; its neighbours land at once, each once. A table that refuses too much is
// waited for. `--once` ends at the end, `--dry-run` changes nothing.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { logged } from '../support/log-lines.ts';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { startGbx, type TestProcess } from '../support/process.ts';
import { type PlacedRecord, readTopic } from '../support/topic-log.ts';

const QUICK = { MAX_RETRIES: '2', GBX_RETRY_BACKOFF_MS: '100,300', GBX_BATCH_ROWS_MAX: '16000' };

/** Several consumers start at once here. */
const SLOW = { timeoutMs: 45_000 };

/** Has the table refuse the source `bad`. */
async function refuseBad({ database }: Pipeline): Promise<void> {
  await database.query(`ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT no_bad CHECK (source <> 'bad')`);
}

async function accept({ database }: Pipeline): Promise<void> {
  await database.query('ALTER TABLE growthbook.experiment_exposures DROP CONSTRAINT no_bad');
}

/** `count` known exposures in one partition, every `nth` of the source `bad`. */
async function sendBad(
  pipeline: Pipeline,
  { count, nth, partitions = 1 }: { count: number; nth: number; partitions?: number },
): Promise<void> {
  const traffic = otherTraffic();
  const records = Array.from({ length: count }, (_, i) => {
    const isBad = i % nth === nth - 1;
    const record = recordOf({ ...traffic.eventAt(i), ...(isBad ? { source: 'bad' } : {}) }, i % partitions);
    return isBad ? { ...record, expected: { kind: 'letter', code: 'GBX_ROW_REFUSED' } as const } : record;
  });
  await pipeline.sendRecords(records);
}

function letters({ brokers, deadLetterTopic }: Pipeline): Promise<PlacedRecord[]> {
  return readTopic({ brokers, topic: deadLetterTopic });
}

/** `gbx consume` with flags, to its end. */
async function consume(pipeline: Pipeline, flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
  return startGbx(['consume', ...flags], { cwd: import.meta.dirname, env: { ...pipeline.env, ...env } });
}

describe.concurrent('gbx consume', () => {
  it.each(['postgres', 'redshift'])('requeues one bad row of 1,000 and gives it up after its retries, dialect %s', async (dialect) => {
    await using pipeline = await openPipeline({ partitions: 1, env: { ...QUICK, GBX_DB_DIALECT: dialect } });
    await refuseBad(pipeline);
    await sendBad(pipeline, { count: 2_000, nth: 1_000 });
    await using consumer = await pipeline.consumer();
    await pipeline.until('2 dead letters', async () => (await letters(pipeline)).length === 2);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 1_998, letters: 2 });
    const topic = await readTopic(pipeline);
    const copies = topic.slice(2_000);
    expect(copies.map(({ headers }) => headers['gbx-retry-count']).sort()).toEqual(['1', '1', '2', '2']);
    for (const { headers, ...copy } of copies) {
      const original = topic.find(({ offset, timestampMs }) => headers['gbx-origin'] === `${pipeline.topic}/0/${offset}/${timestampMs}`);
      expect([copy.key, copy.value]).toEqual([original?.key, original?.value]);
      expect(headers).toMatchObject({ 'gbx-error-code': 'GBX_ROW_REFUSED', 'gbx-error-message': expect.stringContaining('no_bad') });
      expect(Number(headers['gbx-not-before'])).toBeGreaterThan(Number(headers['gbx-last-failed-at']));
    }
    for (const { headers } of await letters(pipeline)) {
      expect(headers).toMatchObject({ 'gbx-retry-count': '2', 'gbx-error-stage': 'load', 'gbx-error-code': 'GBX_ROW_REFUSED' });
      expect(Number(headers['gbx-first-failed-at'])).toBeLessThan(Number(headers['gbx-last-failed-at']));
    }
    // Never a value of a row.
    expect(consumer.stderr()).not.toContain(String(topic[999]?.key));
    expect(consumer.stderr()).not.toContain('circuit.opened');
    const [first] = logged(consumer, 'rows.refused');
    expect(Number(first?.['trials'])).toBeLessThanOrEqual(2 * 2 * Math.log2(Number(first?.['rows'])) + 1);
  });

  it('loads a row that the table takes by the time of its retry', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: { ...QUICK, GBX_RETRY_BACKOFF_MS: '4000' } });
    await refuseBad(pipeline);
    await sendBad(pipeline, { count: 50, nth: 50 });
    await using consumer = await pipeline.consumer();
    await consumer.line('rows.refused', SLOW);
    await accept(pipeline);
    await pipeline.until('50 rows', async () => (await pipeline.count()) === 50);
    expect(await letters(pipeline)).toEqual([]);
  });

  it('holds while the table refuses everything, cheaply, and loads it all once it is mended', { timeout: 90_000 }, async () => {
    await using pipeline = await openPipeline({ partitions: 3, env: QUICK });
    await pipeline.database.query(`ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT no_bad CHECK (source = 'none')`);
    await pipeline.send(20_000);
    await using consumer = await pipeline.consumer();
    await consumer.line('partitions.claimed', SLOW);
    const startMs = performance.now();
    await consumer.line('circuit.opened', SLOW);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    const before = await cpuMs(consumer);
    const restMs = 8_000;
    const untilMs = performance.now() + restMs;
    await pipeline.until('8 seconds gone', () => performance.now() > untilMs);
    expect((await cpuMs(consumer)) - before).toBeLessThan(0.05 * restMs);
    expect([await pipeline.count(), await letters(pipeline)]).toEqual([0, []]);
    await accept(pipeline);
    const mendedMs = performance.now();
    await consumer.line('circuit.closed');
    expect(performance.now() - mendedMs).toBeLessThan(5_000);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 20_000, letters: 0 });
    expect((await readTopic(pipeline)).length).toBe(20_000);
  });

  it('holds a batch of which over half is refused, and gives up as many rows as it is told to', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: QUICK });
    await refuseBad(pipeline);
    await sendBad(pipeline, { count: 60, nth: 1 });
    await using held = await consume(pipeline, []);
    expect(await held.line('circuit.opened', SLOW)).toContain('gbx consume --dead-letter-up-to <n>');
    held.signal('SIGTERM');
    expect(await held.exit(SLOW)).toEqual({ code: 0, signal: null });
    expect(await letters(pipeline)).toEqual([]);
    await using told = await consume(pipeline, ['--once', '--dead-letter-up-to', '100']);
    expect(await told.exit(SLOW)).toEqual({ code: 0, signal: null });
    expect(await pipeline.expectExact()).toMatchObject({ rows: 0, letters: 60 });
  });

  it('uses a retry topic where one is set, which a second consumer loads', async () => {
    await using pipeline = await openPipeline({ partitions: 1, env: QUICK });
    await using retries = await openPipeline({ partitions: 1, database: pipeline.database, env: QUICK });
    await refuseBad(pipeline);
    await sendBad(pipeline, { count: 20, nth: 20 });
    await using consumer = await pipeline.consumer({ GBX_RETRY_TOPIC: retries.topic });
    await pipeline.untilLoaded();
    await using second = await retries.consumer({ GBX_DEAD_LETTER_TOPIC: pipeline.deadLetterTopic });
    await pipeline.until('the dead letter', async () => (await letters(pipeline)).length === 1);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 19, letters: 1 });
    expect([(await readTopic(pipeline)).length, (await readTopic(retries)).length]).toEqual([20, 2]);
    expect([consumer.stderr(), second.stderr()].join()).not.toContain('circuit.opened');
  });

  it('ends with 78 where the retry topic is missing', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await using consumer = await consume(pipeline, [], { GBX_RETRY_TOPIC: 'not-there' });
    expect(await consumer.exit(SLOW)).toEqual({ code: 78, signal: null });
    expect(consumer.stderr()).toContain('not-there');
  });
});

describe.concurrent('gbx consume --once', () => {
  it('loads what is there and ends, and again what came since', async () => {
    await using pipeline = await openPipeline({ env: { BATCH_TIMEOUT_SECONDS: '60' } });
    await pipeline.send(250);
    for (const rows of [250, 300]) {
      await using consumer = await consume(pipeline, ['--once']);
      expect(await consumer.exit(SLOW)).toEqual({ code: 0, signal: null });
      expect(await pipeline.expectExact()).toMatchObject({ rows });
      await pipeline.send(50);
    }
    await using consumer = await consume(pipeline, ['--once']);
    expect(await consumer.exit(SLOW)).toEqual({ code: 0, signal: null });
    await using idle = await consume(pipeline, ['--once']);
    expect(await idle.exit(SLOW)).toEqual({ code: 0, signal: null });
    expect(logged(idle, 'consume.stopped')).toMatchObject([{ recordsRead: 0, flushes: 0 }]);
  });
});

describe.concurrent('gbx consume --dry-run', () => {
  it('says what would become of each record, and writes, joins and commits nothing', async () => {
    await using pipeline = await openPipeline({ partitions: 2 });
    await pipeline.send(100);
    const traffic = otherTraffic();
    const [first, copy] = [recordOf(traffic.eventAt(0), 0), recordOf(traffic.eventAt(0), 1)];
    await pipeline.sendRecords([first, { ...copy, expected: { kind: 'copy' } }]);
    await pipeline.sendRecords([{ partition: 0, key: null, value: '{', expected: { kind: 'letter', code: 'GBX_NOT_JSON' } }]);
    await using dry = await consume(pipeline, ['--dry-run', '--json']);
    expect(await dry.exit(SLOW)).toEqual({ code: 0, signal: null });
    const report: unknown = JSON.parse(dry.stdout());
    expect(report).toMatchObject({
      schema: 'gbx.consume-dry-run/1',
      topic: pipeline.topic,
      total: { records: 103, rows: 101, duplicates: 1, deadLetters: { GBX_NOT_JSON: 1 }, notDue: 0, expired: 0 },
      partitions: [
        { partition: 0, startsBy: 'earliest', from: 0, to: 52 },
        { partition: 1, startsBy: 'earliest', from: 0, to: 51 },
      ],
    });
    expect([await pipeline.count(), (await pipeline.ledger()).size, (await pipeline.committed()).size]).toEqual([0, 0, 0]);
    expect(await letters(pipeline)).toEqual([]);
    await using once = await consume(pipeline, ['--once']);
    await once.exit(SLOW);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 101, letters: 1 });
    await using after = await consume(pipeline, ['--dry-run']);
    expect(await after.exit(SLOW)).toEqual({ code: 0, signal: null });
    expect(after.stdout()).toMatch(/^ +all( +0){6}$/mu);
    expect(after.stdout()).toContain('ledger');
  });

  it.each([
    [['--once', '--dry-run'], '--once and --dry-run'],
    [['--dry-run', '--reset-ledger', 'earliest'], '--dry-run and --reset-ledger'],
    [['--json'], '--json alone: it belongs to --dry-run'],
    [['--execute'], '--execute alone: it belongs to --reset-ledger'],
    [['--dead-letter-up-to', '5', '--dry-run'], '--dead-letter-up-to and --dry-run'],
  ])('and flags that exclude each other are wrong usage: %j', async (flags, words) => {
    const env = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', DB_HOST: '127.0.0.1', DB_USER: 'nobody' };
    await using consumer = await startGbx(['consume', ...flags], { cwd: import.meta.dirname, env });
    expect(await consumer.exit(SLOW)).toEqual({ code: 2, signal: null });
    expect(consumer.stderr()).toContain(words);
  });
});

/** CPU time of the process so far, by /proc: ticks of 10 ms. */
async function cpuMs({ pid }: TestProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
