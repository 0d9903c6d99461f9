// Contract: the first signal under load finishes what is under way, commits it, leaves the group and exits 0 within the
// deadline; the second leaves at once with 143 or 130. Neither costs an exposure.
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { logged } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { type MessageFate, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

const RECORDS = 2_000;
/** More than the time within which the same signal again counts as the first one. */
const BETWEEN_SIGNALS_MS = 400;

describe.concurrent('gbx consume', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'at %s under load drains, commits and exits 0',
    async (signal) => {
      await using pipeline = await openPipeline();
      await pipeline.send(RECORDS);
      await using proxy = await openTcpProxy({ target: testStack().postgres });
      proxy.delay(20);
      const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
      await pipeline.until('some rows', async () => (await pipeline.count()) > 0);
      consumer.signal(signal);
      const signalledMs = performance.now();
      expect(await consumer.exit()).toEqual({ code: 0, signal: null });
      expect(performance.now() - signalledMs).toBeLessThan(15_000);
      expect(consumer.stderr()).toContain(`gbx: ${signal}: finishing what is under way`);
      // In the midst of it, or it was no drain.
      const rows = await pipeline.count();
      expect(rows).toBeLessThan(RECORDS);
      const ledger = await pipeline.ledger();
      const loaded = [...ledger].filter(([, offset]) => offset > 0n);
      expect([...ledger.values()].reduce((sum, offset) => sum + offset, 0n)).toBe(BigInt(rows));
      expect([...(await pipeline.committed())].filter(([, offset]) => offset > 0n).sort()).toEqual(loaded.sort());
      expect(logged(consumer, 'consume.stopped')).toMatchObject([{ rowsInserted: rows }]);
      await pipeline.consumer();
      expect(await pipeline.expectExact()).toMatchObject({ rows: RECORDS, letters: 0 });
    },
    60_000,
  );

  it.each([
    { signal: 'SIGTERM', code: 143 },
    { signal: 'SIGINT', code: 130 },
  ] as const)(
    'at a second $signal leaves at once with $code',
    async ({ signal, code }) => {
      await using pipeline = await openPipeline();
      await pipeline.send(600);
      await using proxy = await openTcpProxy({ target: testStack().postgres });
      const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
      await pipeline.until('some rows', async () => (await pipeline.count()) > 0);
      await pipeline.send(600);
      // The flush under way gets no answer: the drain cannot end.
      proxy.blackHole();
      consumer.signal(signal);
      await consumer.line('finishing what is under way');
      await systemClock.sleep(BETWEEN_SIGNALS_MS);
      const ready = await fetch(`${logged(consumer, 'consume.started')[0]?.['admin']}/readyz`);
      expect([ready.status, await ready.json()]).toMatchObject([
        503,
        { checks: { group: { ok: true }, warehouse: { ok: true }, running: { ok: false, message: 'draining' } } },
      ]);
      const againMs = performance.now();
      consumer.signal(signal);
      expect(await consumer.exit()).toEqual({ code, signal: null });
      expect(performance.now() - againMs).toBeLessThan(2_000);
      expect(consumer.stderr()).toContain(`gbx: ${signal} again: leaving at once`);
      await pipeline.consumer();
      expect(await pipeline.expectExact()).toMatchObject({ rows: 1_200, letters: 0 });
    },
    60_000,
  );

  it('at SIGTERM while the warehouse is away ends within the deadline, and loses nothing', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(300);
    await using proxy = await openTcpProxy({ target: testStack().postgres });
    const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
    await pipeline.untilLoaded();
    await proxy.refuse();
    proxy.cut();
    await pipeline.send(300);
    await consumer.line('circuit.opened');
    consumer.signal('SIGTERM');
    expect(await consumer.exit()).toEqual({ code: 0, signal: null });
    expect(logged(consumer, 'drain.cut_short')).toMatchObject([{ circuitOpen: true }]);
    await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 600, letters: 0 });
  }, 60_000);

  it('at SIGTERM in a flush that does not end gives up at the deadline, and loses nothing', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(300);
    const fault = onStatement({ sql: /^INSERT INTO growthbook\.experiment_exposures/, nth: 2 }, async (): Promise<MessageFate> => {
      consumer?.signal('SIGTERM');
      await consumer?.exited;
      return 'cut';
    });
    await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
    const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port), GBX_DRAIN_TIMEOUT_SECONDS: '2' });
    await fault.done;
    const { code } = await consumer.exit();
    expect(code).toBe(0);
    expect(logged(consumer, 'drain.cut_short').length).toBe(1);
    await pipeline.consumer();
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
  }, 60_000);
});
