import { describe, expect, it } from 'vitest';
import { type Place, parsePlace, resolveRange } from '../../../src/core/verify/range.ts';

const NOW = Date.UTC(2026, 0, 15, 12);
const parse = (text: string): Place => parsePlace(text, { flag: '--from', nowMs: NOW });

describe('parsePlace()', () => {
  it.each(['', 'yesterday', '-1', '1.5', '1w', '0:', '0:1,', '0:1;1:2', '2026-02-30'])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringContaining('--from') }));
  });

  it.each([
    ['earliest', { kind: 'earliest' }],
    ['latest', { kind: 'latest' }],
    ['1200', { kind: 'offset', offset: 1200n }],
    [
      '0:1200,11:980',
      {
        kind: 'offsets',
        byPartition: new Map([
          [0, 1200n],
          [11, 980n],
        ]),
      },
    ],
    ['90m', { kind: 'time', ms: NOW - 5_400_000 }],
    ['2d', { kind: 'time', ms: NOW - 172_800_000 }],
    ['2026-01-15T11:00:00Z', { kind: 'time', ms: NOW - 3_600_000 }],
  ])('reads %s', (text, place) => {
    expect(parse(text)).toEqual(place);
  });
});

describe('resolveRange()', () => {
  const log = { partition: 0, start: 10n, end: 100n };
  const offsetsAt = async (_: string, ms: number) => new Map([[0, BigInt(ms)]]);
  const resolve = async (from: Place | undefined, to: Place | undefined, ledger: bigint | undefined = 80n) => {
    const facts = { logs: [log], ledger: new Map(ledger === undefined ? [] : [[0, ledger]]), offsetsAt };
    const [range] = await resolveRange({ topic: 't', from, to }, facts);
    return range && [range.from, range.to, range.waiting, range.expired, range.expiredUnloaded];
  };
  const offset = (value: bigint): Place => ({ kind: 'offset', offset: value });

  it('refuses a range that ends before it begins, and a ledger beyond the log', async () => {
    await expect(resolve(offset(50n), offset(40n))).rejects.toMatchObject({ code: 'GBX_USAGE' });
    await expect(resolve({ kind: 'time', ms: 2 }, { kind: 'time', ms: 1 })).rejects.toMatchObject({ code: 'GBX_USAGE' });
    await expect(resolve(undefined, undefined, 101n)).rejects.toMatchObject({ code: 'GBX_TOPIC_CHANGED' });
  });

  it.each([
    ['without bounds: what the ledger has passed', undefined, undefined, [10n, 80n, 20n, 10n, 0n]],
    ['to a place before the ledger', undefined, offset(40n), [10n, 40n, 0n, 10n, 0n]],
    ['to a place beyond it', offset(50n), offset(90n), [50n, 80n, 10n, 0n, 0n]],
    ['from beyond the ledger', offset(90n), undefined, [90n, 90n, 10n, 0n, 0n]],
    ['from a time', { kind: 'time', ms: 30 }, { kind: 'latest' }, [30n, 80n, 20n, 0n, 0n]],
    ['from a time before the log, whose records may have expired', { kind: 'time', ms: 10 }, undefined, [10n, 80n, 20n, 10n, 0n]],
    ['from an offset that has expired', offset(4n), undefined, [10n, 80n, 20n, 6n, 0n]],
    ['to an offset that has expired', offset(4n), offset(7n), [10n, 10n, 0n, 3n, 0n]],
  ] as const)('goes %s', async (_, from, to, expected) => {
    expect(await resolve(from, to)).toEqual(expected);
  });

  it('counts nothing as passed where the ledger has no row, and as lost what expired before it', async () => {
    const facts = { logs: [log], ledger: new Map<number, bigint>(), offsetsAt };
    expect(await resolveRange({ topic: 't', from: undefined, to: undefined }, facts)).toMatchObject([{ from: 10n, to: 10n, waiting: 90n }]);
    expect(await resolve(undefined, undefined, 7n)).toEqual([10n, 10n, 90n, 10n, 3n]);
  });

  it('counts nothing as lost that lies before the range', async () => {
    const facts = { logs: [{ partition: 0, start: 300n, end: 900n }], ledger: new Map([[0, 100n]]), offsetsAt };
    expect(await resolveRange({ topic: 't', from: { kind: 'time', ms: 500 }, to: undefined }, facts)).toMatchObject([
      { from: 500n, to: 500n, expired: 0n, expiredUnloaded: 0n },
    ]);
    expect(await resolveRange({ topic: 't', from: offset(200n), to: undefined }, facts)).toMatchObject([{ expiredUnloaded: 100n }]);
  });

  it.each([
    ['a partition that is not there', { kind: 'offsets', byPartition: new Map([[7, 1n]]) }, 'no partition 7'],
    ['an offset beyond the end of its partition', { kind: 'offsets', byPartition: new Map([[0, 101n]]) }, 'ends at 100'],
    ['an offset beyond the end of every partition', { kind: 'offset', offset: 101n }, 'ends at 100'],
  ] as const)('refuses %s, as begin and as end', async (_, place, message) => {
    const refusal = { code: 'GBX_USAGE', message: expect.stringContaining(message) };
    await expect(resolve(place, undefined)).rejects.toMatchObject(refusal);
    await expect(resolve(undefined, place)).rejects.toMatchObject(refusal);
  });

  it('takes an offset that only some partitions have', async () => {
    const facts = { logs: [log, { ...log, partition: 1, end: 40n }], ledger: new Map([[0, 80n]]), offsetsAt };
    expect(await resolveRange({ topic: 't', from: offset(50n), to: undefined }, facts)).toMatchObject([
      { partition: 0, from: 50n, to: 80n },
      { partition: 1, from: 40n, to: 40n },
    ]);
  });

  it('refuses a ledger of a partition that the topic no longer has', async () => {
    const facts = {
      logs: [log],
      ledger: new Map([
        [0, 80n],
        [3, 5n],
      ]),
      offsetsAt,
    };
    await expect(resolveRange({ topic: 't', from: undefined, to: undefined }, facts)).rejects.toMatchObject({
      code: 'GBX_TOPIC_CHANGED',
      message: expect.stringContaining('t/3'),
    });
  });

  it('leaves out partitions that are not named', async () => {
    const facts = { logs: [log, { ...log, partition: 1 }], ledger: new Map([[1, 90n]]), offsetsAt };
    const from: Place = { kind: 'offsets', byPartition: new Map([[1, 20n]]) };
    expect(await resolveRange({ topic: 't', from, to: undefined }, facts)).toMatchObject([{ partition: 1, from: 20n, to: 90n }]);
  });
});
