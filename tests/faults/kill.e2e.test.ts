// Contract: kill -9 of the consumer at any step of a flush loses and doubles nothing. The proxy stands between the
// consumer and PostgreSQL, holds the statement that was meant, and lets it through only after the kill, if at all.
import { describe, expect, it } from 'vitest';
import { openPipeline, otherTraffic, type Pipeline, recordOf } from '../support/pipeline.ts';
import { type MessageFate, onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import type { TestProcess } from '../support/process.ts';
import { testStack } from '../support/stack.ts';

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

/** Every twentieth is no exposure: each batch has dead letters too. */
function mixedRecords(): { readonly records: Parameters<Pipeline['sendRecords']>[0]; readonly letters: number } {
  const traffic = otherTraffic();
  const records = Array.from({ length: RECORDS }, (_, i) => {
    const partition = Math.floor(i / 2) % 3;
    if (i % 20 !== 0) return recordOf(traffic.eventAt(i), partition);
    return { partition, key: 'k', value: 'no exposure', expected: { kind: 'letter', code: 'GBX_NOT_JSON' } } as const;
  });
  return { records, letters: records.filter(({ expected }) => expected.kind === 'letter').length };
}

const DIALECTS = ['postgres', 'redshift'] as const;

interface Killing {
  readonly dialect: (typeof DIALECTS)[number];
  readonly sql: RegExp;
  readonly nth: number;
  readonly fate: Exclude<MessageFate, 'forward'>;
}

/**
 * A consumer dies at the statement, another one comes: everything is there once. With `cut` the server never sees the
 * statement; with `lose-answer` it does it, and the consumer dies after that.
 */
async function killAt({ dialect, sql, nth, fate }: Killing): Promise<void> {
  await using pipeline = await openPipeline({ env: { GBX_DB_DIALECT: dialect } });
  const { records, letters } = mixedRecords();
  await pipeline.sendRecords(records);
  let victim: TestProcess | undefined;
  let rows = -1;
  const fault = onStatement({ sql, nth }, async () => {
    if (victim === undefined) throw new Error('the consumer spoke before it was known');
    rows = await pipeline.count();
    // Stopped, it cannot act upon the loss of its connection.
    victim.signal(fate === 'cut' ? 'SIGKILL' : 'SIGSTOP');
    if (fate === 'cut') await victim.exited;
    return fate;
  });
  await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
  victim = await pipeline.consumer({ DB_PORT: String(proxy.port) });
  await pipeline.until('the statement', () => rows >= 0);
  await fault.done;
  if (fate === 'lose-answer') await pipeline.until('the batch committed', async () => (await pipeline.count()) > rows);
  victim.signal('SIGKILL');
  expect(await victim.exit()).toEqual({ code: null, signal: 'SIGKILL' });
  // In the midst of it: some batches were loaded, and others not.
  expect(rows).toBeGreaterThan(0);
  const left = await pipeline.count();
  expect(left).toBeLessThan(RECORDS - letters);
  if (fate === 'cut') expect(left).toBe(rows);
  await pipeline.consumer();
  // A dead letter may have been written before the kill, and again after it.
  expect(await pipeline.expectExact({ lettersMayRepeat: true })).toMatchObject({ rows: RECORDS - letters, letters });
}

describe.concurrent.each(DIALECTS)('kill -9 of gbx consume, dialect %s,', (dialect) => {
  it.each(STEPS)('before $step', ({ sql, nth }) => killAt({ dialect, sql, nth, fate: 'cut' }), 90_000);

  it('after COMMIT, before its answer', () => killAt({ dialect, sql: /^COMMIT$/, nth: 3, fate: 'lose-answer' }), 90_000);
});
