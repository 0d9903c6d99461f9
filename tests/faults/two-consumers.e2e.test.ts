// Contract: of several consumers of one group each record is loaded by one. One that falls silent beyond its session and
// wakes again is fenced by the ledger; one that dies is replaced; two that claim at once do not both keep the partition.
import { describe, expect, it } from 'vitest';
import { logged, partitionsHeld } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { type MessageFate, type OnMessage, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { testStack } from '../support/stack.ts';

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
 * first one goes on, its statement with it. More is sent; in the end everything is there once.
 */
async function sleepAt({ sql, nth }: Sleeper): Promise<void> {
  await using pipeline = await openPipeline();
  await pipeline.send(600);
  const [stopped, wake] = [gate(), gate()];
  let sleeper: TestProcess | undefined;
  const fault = onStatement({ sql, nth }, async (): Promise<MessageFate> => {
    sleeper?.signal('SIGSTOP');
    stopped.open();
    await wake.opened;
    return 'forward';
  });
  await using proxy = await through(fault.onMessage);
  sleeper = await pipeline.consumer({ DB_PORT: String(proxy.port) });
  await stopped.opened;
  expect(await pipeline.count()).toBeLessThan(600);
  const other = await pipeline.consumer();
  await pipeline.untilLoaded({ timeoutMs: 60_000 });
  expect(logged(other, 'batch.loaded').length).toBeGreaterThan(0);
  const loadedBefore = logged(sleeper, 'batch.loaded').length;
  const awake = sleeper;
  awake.signal('SIGCONT');
  wake.open();
  await pipeline.until('both with partitions', () => partitionsHeld(awake) > 0 && partitionsHeld(awake) + partitionsHeld(other) === 3);
  expect(logged(awake, 'group.joined').length).toBeGreaterThan(1);
  // What it had in hand went nowhere.
  expect(logged(awake, 'batch.loaded')).toHaveLength(loadedBefore);
  await pipeline.send(300);
  expect(await pipeline.expectExact()).toMatchObject({ rows: 900, letters: 0 });
  expect(logged(awake, 'batch.loaded').length).toBeGreaterThan(loadedBefore);
}

describe.concurrent('gbx consume, two of a group,', () => {
  it('doubles nothing when one sleeps beyond its session before its transaction, and wakes', () => sleepAt({ sql: LOCK, nth: 3 }), 120_000);

  // It holds the lock: the server ends its transaction after 30 s, and the other one goes on then.
  it('doubles nothing when one sleeps in the midst of its transaction, and wakes', () => sleepAt({ sql: /^COMMIT$/, nth: 3 }), 120_000);

  it('claims at once: the first COMMIT counts until the second, and nothing is doubled', async () => {
    await using pipeline = await openPipeline({ partitions: 1 });
    await pipeline.send(300);
    const wake = gate();
    const claiming = gate();
    let first: TestProcess | undefined;
    // Stopped in its claim, just before its COMMIT.
    const fault = onStatement({ sql: /^COMMIT$/, nth: 1 }, async (): Promise<MessageFate> => {
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
    await pipeline.until('two partitions each', () => partitionsHeld(one) === 2 && partitionsHeld(other) === 2);
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
    expect(partitionsHeld(other)).toBe(4);
  }, 90_000);

  it('gives its partitions over at once when it ends in order', async () => {
    await using pipeline = await openPipeline();
    const [one, other] = [
      await pipeline.consumer({ GBX_SESSION_TIMEOUT_SECONDS: '60' }),
      await pipeline.consumer({ GBX_SESSION_TIMEOUT_SECONDS: '60' }),
    ];
    await pipeline.until(
      'all partitions held',
      () => partitionsHeld(one) > 0 && partitionsHeld(other) > 0 && partitionsHeld(one) + partitionsHeld(other) === 3,
    );
    one.signal('SIGTERM');
    expect(await one.exit()).toEqual({ code: 0, signal: null });
    await pipeline.send(300);
    expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
  }, 60_000);
});
