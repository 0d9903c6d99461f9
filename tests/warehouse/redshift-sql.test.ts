// What a real Redshift would be sent, which no test can run: the order that its locking needs, and nothing that it lacks.
import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerScope } from '../../src/core/load/ports.ts';
import { claimPartitions } from '../../src/warehouse/claim.ts';
import { createStage } from '../../src/warehouse/dialect.ts';
import { fillByInsert } from '../../src/warehouse/dialect-redshift.ts';
import { flushBatch } from '../../src/warehouse/flush.ts';
import type { Row, Session } from '../../src/warehouse/session.ts';
import { findLoadedRows, tryRows } from '../../src/warehouse/try-rows.ts';
import { fixedClock } from '../support/clock.ts';
import { exposure, NOON_MS, requestOf } from './flush-fixtures.ts';

const SCOPE: LedgerScope = { clusterId: 'c', group: 'g', topic: 't' };
const LEDGER_ROW: Row = {
  partition_id: '0',
  next_offset: '0',
  epoch: '1',
  owner: 'me',
  host: 'h',
  last_record_ms: null,
  last_record_hash: null,
};

let sent: string[];
beforeEach(() => {
  sent = [];
});

/** Answers as Redshift would, were all well: `inserted` rows of the batch are new. */
function redshift({ inserted, ledger }: { readonly inserted: number; readonly ledger: readonly Row[] }): Session {
  return {
    server: 'redshift',
    dialect: 'redshift',
    isOpen: () => true,
    query: async (text) => {
      sent.push(text);
      if (text.startsWith('INSERT INTO growthbook.experiment_exposures')) return { rows: [], count: inserted, command: 'INSERT' };
      if (text.startsWith('INSERT INTO gbx_stage')) return { rows: [], count: 2, command: 'INSERT' };
      return { rows: /FROM growthbook\.gbx_ledger/.test(text) ? ledger : [], count: 1, command: text };
    },
    run: async (text) => void sent.push(text),
    stream: async (text) => void sent.push(text),
    copyIn: async () => Promise.reject(new Error('Redshift has no COPY FROM STDIN')),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function flush(inserted: number): Promise<void> {
  const request = requestOf({ scope: SCOPE, owner: 'me', epoch: 1 }, [exposure(), exposure()]);
  const deps = { fill: fillByInsert, clock: fixedClock(NOON_MS), wholeTable: false, watchLock: () => () => undefined };
  const session = redshift({ inserted, ledger: [LEDGER_ROW] });
  await createStage(session);
  await flushBatch(session, request, deps);
}

/** The first words of what was sent, up to a name. */
function outline(): string[] {
  return sent.map(
    (text) => /^(CREATE TEMP TABLE|LOCK|INSERT INTO|UPDATE|SELECT|[A-Z]+)(?: (gbx_stage|growthbook\.\w+))?/.exec(text)?.[0] ?? text,
  );
}

describe('what goes to Redshift', () => {
  it('takes the write lock with the first statement that sees data, and truncates outside of every transaction', async () => {
    await flush(2);
    expect(outline()).toEqual([
      'CREATE TEMP TABLE gbx_stage',
      'TRUNCATE gbx_stage',
      'BEGIN',
      'INSERT INTO gbx_stage',
      'COMMIT',
      'BEGIN',
      'UPDATE growthbook.gbx_ledger',
      'INSERT INTO growthbook.experiment_exposures',
      'COMMIT',
    ]);
  });

  it('locks the table for a claim before anything else, as an UPDATE may find no row', async () => {
    const session = redshift({ inserted: 0, ledger: [LEDGER_ROW] });
    const request = { scope: SCOPE, owner: 'me', host: 'h', partitions: [0], startAt: new Map() };
    await claimPartitions(session, request, { nowMs: NOON_MS, watchLock: () => () => undefined });
    expect(outline().slice(0, 3)).toEqual(['BEGIN', 'LOCK growthbook.gbx_ledger', 'UPDATE growthbook.gbx_ledger']);
    expect(outline().at(-1)).toBe('COMMIT');
  });

  it('locks the table for a trial before anything is read or written, and takes it back', async () => {
    const session = redshift({ inserted: 1, ledger: [] });
    expect(await tryRows(session, [exposure(), exposure()], { fill: fillByInsert, nowMs: NOON_MS, wholeTable: false })).toBe(1);
    expect(outline()).toEqual([
      'TRUNCATE gbx_stage',
      'BEGIN',
      'LOCK growthbook.gbx_ledger',
      'INSERT INTO gbx_stage',
      'INSERT INTO growthbook.experiment_exposures',
      'ROLLBACK',
    ]);
  });

  it('holds nothing that Redshift lacks', async () => {
    await flush(1);
    const empty = redshift({ inserted: 0, ledger: [] });
    const request = { scope: SCOPE, owner: 'me', host: 'h', partitions: [0], startAt: new Map([[0, 0n]]) };
    const deps = { nowMs: NOON_MS, watchLock: () => () => undefined };
    await expect(claimPartitions(empty, request, deps)).rejects.toMatchObject({ code: 'GBX_LEDGER_BROKEN' });
    const rows = [exposure(), exposure()];
    const tries = { fill: fillByInsert, nowMs: NOON_MS, wholeTable: false };
    await findLoadedRows(empty, rows, tries);
    await tryRows(empty, rows, tries);
    const all = sent.join('\n');
    for (const lacking of [
      /ON CONFLICT|RETURNING|SAVEPOINT|pg_advisory|ANALYZE/i,
      /\bANY\s*\(|ARRAY|unnest|generate_series/i,
      /NOT EXISTS\s*\(/i,
      /::text\b|::varchar(?!\()|::jsonb?\b|::regclass/i,
      /lock_timeout|idle_in_transaction|jit|work_mem/i,
      /\bE'|\\/,
      /; \S/,
    ]) {
      expect(all).not.toMatch(lacking);
    }
  });
});
