// Contract: kill -9 of the consumer at any step of a flush loses and doubles nothing. The proxy stands between the
// consumer and PostgreSQL, holds the statement that was meant, and lets it through only after the kill, if at all.
import { describe, expect, it } from 'vitest';
import { openPipeline } from '../support/pipeline.ts';
import { type MessageFate, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { eventually, testStack } from '../support/stack.ts';

const RECORDS = 600;

/** `nth`: claim and stage use the same words as the flush; this one is of the second flush or a later one. */
const STEPS: readonly { readonly step: string; readonly sql: RegExp; readonly nth: number }[] = [
  { step: 'emptying the stage', sql: /^TRUNCATE gbx_stage/, nth: 2 },
  { step: 'filling the stage', sql: /^(COPY|INSERT INTO) gbx_stage/, nth: 2 },
  { step: 'committing the stage', sql: /^ANALYZE gbx_stage .*COMMIT$/, nth: 2 },
  { step: 'BEGIN and lock', sql: /^BEGIN; LOCK TABLE growthbook\.gbx_ledger/, nth: 3 },
  { step: 'moving the ledger', sql: /^UPDATE growthbook\.gbx_ledger SET next_offset/, nth: 2 },
  { step: 'INSERT .. SELECT', sql: /^INSERT INTO growthbook\.experiment_exposures/, nth: 2 },
  { step: 'COMMIT', sql: /^COMMIT$/, nth: 3 },
];

const DIALECTS = ['postgres', 'redshift'] as const;

interface Killing {
  readonly dialect: (typeof DIALECTS)[number];
  readonly sql: RegExp;
  readonly nth: number;
  /** Ends the process, and says what becomes of the statement. `rows`: how many stood in the table when it came. */
  readonly kill: (victim: TestProcess, rows: number) => Promise<MessageFate>;
}

/** A consumer dies at the statement, another one comes: everything is there once. @returns rows at the moment of the kill */
async function killAt({ dialect, sql, nth, kill }: Killing): Promise<number> {
  await using pipeline = await openPipeline({ env: { GBX_DB_DIALECT: dialect } });
  await pipeline.send(RECORDS);
  let victim: TestProcess | undefined;
  let rows = -1;
  const fault = onStatement({ sql, nth }, async () => {
    if (victim === undefined) throw new Error('the consumer spoke before it was known');
    rows = await pipeline.count();
    return kill(victim, rows);
  });
  await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
  victim = await pipeline.consumer({ DB_PORT: String(proxy.port) });
  await eventually('the statement', () => rows >= 0, { timeoutMs: 30_000 });
  await fault.done;
  victim.signal('SIGKILL');
  expect(await victim.exit()).toEqual({ code: null, signal: 'SIGKILL' });
  expect(await pipeline.count()).toBeLessThan(RECORDS);
  await pipeline.consumer();
  expect(await pipeline.expectExact()).toMatchObject({ rows: RECORDS, letters: 0 });
  return rows;
}

describe.concurrent.each(DIALECTS)('kill -9 of gbx consume, dialect %s,', (dialect) => {
  it.each(STEPS)('before $step', async ({ sql, nth }) => {
    const rows = await killAt({
      dialect,
      sql,
      nth,
      kill: async (victim) => {
        victim.signal('SIGKILL');
        await victim.exited;
        return 'cut';
      },
    });
    // In the midst of it: a batch was loaded before.
    expect(rows).toBeGreaterThan(0);
  });

  it('after COMMIT, before its answer', async () => {
    let before = 0;
    await killAt({
      dialect,
      sql: /^COMMIT$/,
      nth: 3,
      kill: async (victim, rows) => {
        before = rows;
        // Stopped, it cannot act upon the loss of its connection; killAt kills it once the server has committed.
        victim.signal('SIGSTOP');
        return 'lose-answer';
      },
    });
    expect(before).toBeGreaterThan(0);
  });
});
