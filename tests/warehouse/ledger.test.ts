import { describe, expect, it } from 'vitest';
import type { FlushRequest, LedgerRow } from '../../src/core/load/ports.ts';
import { explainMiss } from '../../src/warehouse/ledger.ts';
import { requestOf } from './flush-fixtures.ts';

const SCOPE = { clusterId: 'c', group: 'g', topic: 't' };
const [step] = requestOf({ scope: SCOPE, owner: 'me', epoch: 3 }, [], { from: 5n, to: 9n }).steps;
const REQUEST: FlushRequest = {
  ...requestOf({ scope: SCOPE, owner: 'me', epoch: 3 }, []),
  steps: step ? [step, { ...step, partition: 1 }] : [],
};

function ledgerRow(over: Partial<LedgerRow> = {}): LedgerRow {
  return { partition: 0, nextOffset: 9n, epoch: 3, owner: 'me', host: 'here', lastRecord: undefined, ...over };
}

describe('explainMiss()', () => {
  it('is fenced when somebody else holds one of the partitions, and names that one alone', () => {
    const other = ledgerRow({ partition: 1, owner: 'other', epoch: 4 });
    expect(explainMiss([ledgerRow(), other], REQUEST)).toEqual({ kind: 'fenced', holders: [other] });
  });

  it.each([
    ['a row is missing', [ledgerRow()]],
    ['a partition stands elsewhere', [ledgerRow(), ledgerRow({ partition: 1, nextOffset: 5n })]],
    ['an epoch is not mine', [ledgerRow(), ledgerRow({ partition: 1, epoch: 4 })]],
    ['there is nothing', []],
  ])('is fenced when %s', (_, ledger) => {
    expect(explainMiss(ledger, REQUEST)).toMatchObject({ kind: 'fenced' });
  });

  it('is fenced when no step of the batch moves: where they stand says nothing of its rows', () => {
    const steps = REQUEST.steps.map((own) => ({ ...own, from: own.to }));
    expect(explainMiss([ledgerRow(), ledgerRow({ partition: 1 })], { ...REQUEST, steps })).toMatchObject({ kind: 'fenced' });
  });

  it('is already-loaded when one step stays and the others stand where the batch ends', () => {
    const steps = REQUEST.steps.map((own) => (own.partition === 0 ? { ...own, from: own.to } : own));
    expect(explainMiss([ledgerRow(), ledgerRow({ partition: 1 })], { ...REQUEST, steps })).toEqual({ kind: 'already-loaded' });
  });

  it('is already-loaded when all partitions stand where the batch ends, under this claim', () => {
    const ledger = [ledgerRow(), ledgerRow({ partition: 1 }), ledgerRow({ partition: 2, owner: 'other', nextOffset: 0n })];
    expect(explainMiss(ledger, REQUEST)).toEqual({ kind: 'already-loaded' });
  });
});
