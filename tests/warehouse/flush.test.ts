// Answers that no real server gives on command: a COMMIT that was a ROLLBACK, and a stage that took fewer rows than it was sent.
import { describe, expect, it } from 'vitest';
import { flushBatch } from '../../src/warehouse/flush.ts';
import type { Session } from '../../src/warehouse/session.ts';
import { findLoadedRows, tryRows } from '../../src/warehouse/try-rows.ts';
import { fixedClock } from '../support/clock.ts';
import { exposure, NOON_MS, requestOf } from './flush-fixtures.ts';

interface Answers {
  /** The server's word for what it did at COMMIT. */
  readonly commit?: string;
  readonly sent?: string[];
}

/** Every statement touches two rows: as many as the batch has, and one step of the ledger. */
function session({ commit = 'COMMIT', sent = [] }: Answers): Session {
  return {
    server: 'postgres',
    dialect: 'postgres',
    isOpen: () => true,
    query: async (text) => {
      sent.push(text);
      if (text === 'COMMIT') return { rows: [], count: 0, command: commit };
      return { rows: [], count: text.startsWith('UPDATE') ? 1 : 2, command: '' };
    },
    run: async (text) => void sent.push(text),
    stream: async () => undefined,
    copyIn: async () => 2,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const ROWS = [exposure(), exposure()];

function flush(one: Session, staged: number, changes: Partial<Parameters<typeof flushBatch>[1]> = {}): ReturnType<typeof flushBatch> {
  const request = { ...requestOf({ scope: { clusterId: 'c', group: 'g', topic: 't' }, owner: 'me', epoch: 1 }, ROWS), ...changes };
  const deps = { fill: async () => staged, clock: fixedClock(NOON_MS), wholeTable: false, watchLock: () => () => undefined };
  return flushBatch(one, request, deps);
}

describe('flushBatch()', () => {
  it('is loaded where the server says COMMIT, and contention where it rolled back instead', async () => {
    expect(await flush(session({}), 2)).toMatchObject({ kind: 'loaded', inserted: 2 });
    await expect(flush(session({ commit: 'ROLLBACK' }), 2)).rejects.toMatchObject({ failure: 'contention' });
  });

  it('sends nothing where a row lies outside the windows of its batch, as it would be taken for known', async () => {
    const sent: string[] = [];
    await expect(flush(session({ sent }), 2, { windows: [] })).rejects.toThrow('a row of the batch lies outside its windows');
    expect(sent).toEqual([]);
  });

  it('moves no ledger where the stage took fewer rows than it was sent', async () => {
    const sent: string[] = [];
    await expect(flush(session({ sent }), 1)).rejects.toMatchObject({ code: 'GBX_BUG' });
    expect(sent.filter((text) => /gbx_ledger/.test(text))).toEqual([]);
  });
});

describe('tryRows() and findLoadedRows()', () => {
  it('say nothing of rows where the stage took fewer than it was sent', async () => {
    const deps = { fill: async () => 1, nowMs: NOON_MS, wholeTable: false };
    await expect(tryRows(session({}), ROWS, deps)).rejects.toMatchObject({ code: 'GBX_BUG' });
    await expect(findLoadedRows(session({}), ROWS, deps)).rejects.toMatchObject({ code: 'GBX_BUG' });
  });
});
