// Contract: of several consumers of one group each record is loaded by one. One that falls silent beyond its session and
// wakes again is fenced by the ledger; one that dies is replaced; two that claim at once do not both keep the partition.
import { describe, expect, it } from 'vitest';
import { logged } from '../support/log-lines.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { type FrontendMessage, type OnMessage, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, testStack } from '../support/stack.ts';

const SESSION_MS = 6_000;
const LOCK = /^BEGIN; LOCK TABLE growthbook\.gbx_ledger/;

function through(onMessage: OnMessage) {
  return openPostgresProxy({ target: testStack().postgres, onMessage });
}

/** A promise and what resolves it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

interface Sleeper {
  readonly sql: RegExp;
  readonly nth: number;
}

/**
 * Stops a consumer at this statement, which its proxy holds; another one takes over and loads what is there; then the
 * first one goes on, its statement with it.
 */
async function stopAt({ sql, nth }: Sleeper, pipeline: Pipeline): Promise<{ readonly sleeper: TestProcess; readonly other: TestProcess }> {
  const wake = gate();
  let sleeper: TestProcess | undefined;
  const fault = onStatement({ sql, nth }, async () => {
    sleeper?.signal('SIGSTOP');
    await wake.opened;
    return 'forward';
  });
  const stopped = gate();
  const proxy = await through(async (message: FrontendMessage) => {
    if (message.statement !== undefined && sql.test(message.sql ?? '') && ++seen === nth) stopped.open();
    return fault.onMessage(message);
  });
  let seen = 0;
  sleeper = await pipeline.consumer({ DB_PORT: String(proxy.port) });
  await stopped.opened;
  const other = await pipeline.consumer();
  await pipeline.untilLoaded({ timeoutMs: 60_000 });
  expect(logged(other, 'batch.loaded').length).toBeGreaterThan(0);
  sleeper.signal('SIGCONT');
  wake.open();
  await eventually('the sleeper in the group again', () => logged(sleeper, 'group.joined').length > 1, { timeoutMs: 30_000 });
  return { sleeper, other };
}

describe.concurrent('gbx consume, two of a group,', () => {
  it('doubles nothing when one sleeps beyond its session before its transaction, and wakes', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(600);
    const { sleeper } = await stopAt({ sql: LOCK, nth: 3 }, pipeline);
    await pipeline.send(300);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 900, letters: 0 });
    expect(logged(sleeper, 'batch.loaded').length).toBeGreaterThan(0);
  }, 120_000);

  it('doubles nothing when one sleeps in the midst of its transaction, and wakes', async () => {
    await using pipeline = await openPipeline();
    await pipeline.send(600);
    // It holds the lock: the server ends its transaction after 30 s, and the other one goes on then.
    const { sleeper } = await stopAt({ sql: /^COMMIT$/, nth: 3 }, pipeline);
    await pipeline.send(300);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 900, letters: 0 });
    expect(logged(sleeper, 'batch.loaded').length).toBeGreaterThan(0);
  }, 120_000);

  it('claims at once: the first COMMIT counts until the second, and nothing is doubled', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(300);
    const wake = gate();
    const claiming = gate();
    let first: TestProcess | undefined;
    // Stopped in its claim, just before its COMMIT.
    const fault = onStatement({ sql: /^COMMIT$/, nth: 1 }, async () => {
      first?.signal('SIGSTOP');
      claiming.open();
      await wake.opened;
      return 'forward';
    });
    await using proxy = await through(fault.onMessage);
    first = await pipeline.consumer({ DB_PORT: String(proxy.port) });
    await claiming.opened;
    // The second one's claim waits for the lock that the first one holds.
    const waiting = onStatement({ sql: LOCK, nth: 1 }, () => 'forward');
    await using secondProxy = await through(waiting.onMessage);
    const second = await pipeline.consumer({ DB_PORT: String(secondProxy.port) });
    await waiting.done;
    first.signal('SIGCONT');
    wake.open();
    await pipeline.send(300);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 600, letters: 0 });
    expect(logged(first, 'partitions.claimed').length).toBeGreaterThan(0);
    expect(logged(second, 'partitions.claimed').length).toBeGreaterThan(0);
  }, 90_000);

  it('goes on within the session timeout and some seconds when one is killed', async () => {
    await using pipeline = await openPipeline({ partitions: 4 });
    const [one, other] = [await pipeline.consumer(), await pipeline.consumer()];
    const holds = (consumer: TestProcess): number => (logged(consumer, 'partitions.claimed').at(-1)?.['partitions'] as [])?.length ?? 0;
    await eventually('two partitions each', () => holds(one) === 2 && holds(other) === 2, { timeoutMs: 30_000 });
    await pipeline.send(400);
    await pipeline.untilLoaded();
    await pipeline.send(1_000);
    one.signal('SIGKILL');
    const killedMs = performance.now();
    await pipeline.untilLoaded();
    const tookMs = Math.round(performance.now() - killedMs);
    console.log(`loading went on ${tookMs} ms after the kill, with a session timeout of ${SESSION_MS} ms`);
    expect(tookMs).toBeLessThan(SESSION_MS + 14_000);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 1_400, letters: 0 });
    expect(holds(other)).toBe(4);
  }, 90_000);

  it('gives its partitions over at once when it ends in order', async () => {
    await using pipeline = await openPipeline();
    const [one, other] = [await pipeline.consumer({ GBX_SESSION_TIMEOUT_SECONDS: '60' }), await pipeline.consumer({ GBX_SESSION_TIMEOUT_SECONDS: '60' })];
    const holds = (consumer: TestProcess): number => (logged(consumer, 'partitions.claimed').at(-1)?.['partitions'] as [])?.length ?? 0;
    await eventually('all partitions held', () => holds(one) > 0 && holds(other) > 0 && holds(one) + holds(other) === 3, { timeoutMs: 30_000 });
    one.signal('SIGTERM');
    expect(await one.exit()).toEqual({ code: 0, signal: null });
    await pipeline.send(300);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
  }, 60_000);
});
