import { describe, expect, it } from 'vitest';
import { createHold } from '../../../src/core/load/hold.ts';
import { exposureRecord } from './fakes.ts';

const due = (offset: number, dueAtMs: number, partition = 0) => ({ record: exposureRecord(offset, partition), dueAtMs, before: undefined });

describe('createHold()', () => {
  it('has no room beyond its number of records, nor beyond its bytes', () => {
    const hold = createHold({ recordsMax: 2, bytesMax: 1_000_000 });
    expect([hold.add(due(0, 5)), hold.add(due(1, 5)), hold.add(due(2, 5))]).toEqual([true, true, false]);
    const small = createHold({ recordsMax: 100, bytesMax: 1_500 });
    expect([small.add(due(0, 5)), small.add(due(1, 5)), small.add(due(2, 5))]).toEqual([true, true, false]);
    small.takeDue(5);
    expect(small.add(due(2, 5))).toBe(true);
  });

  it('counts the bytes of headers', () => {
    const hold = createHold({ recordsMax: 100, bytesMax: 5_000 });
    const record = { ...exposureRecord(0), headers: { big: [Buffer.alloc(3_000), Buffer.alloc(3_000)] } };
    expect(hold.add({ record, dueAtMs: 0, before: undefined })).toBe(false);
  });

  it('gives records in the order in which they are due, none before its time', () => {
    const hold = createHold();
    for (const [offset, at] of [
      [7, 30],
      [8, 10],
      [9, 20],
    ] as const)
      hold.add(due(offset, at));
    expect(hold.nextDueAtMs()).toBe(10);
    expect(hold.takeDue(9)).toBeUndefined();
    expect([hold.takeDue(100), hold.takeDue(100), hold.takeDue(100)].map((held) => held?.record.offset)).toEqual([8n, 9n, 7n]);
    expect(hold.nextDueAtMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('knows the lowest offset of each partition', () => {
    const hold = createHold();
    hold.add(due(9, 10));
    hold.add(due(4, 20));
    hold.add(due(2, 20, 1));
    expect([hold.lowest(0)?.record.offset, hold.lowest(1)?.record.offset, hold.lowest(2)]).toEqual([4n, 2n, undefined]);
    hold.clear();
    expect([hold.lowest(0), hold.size()]).toEqual([undefined, 0]);
  });

  it('keeps a header of any name', () => {
    const hold = createHold();
    hold.add({ record: { ...exposureRecord(0), headers: JSON.parse('{"__proto__":"a"}') }, dueAtMs: 0, before: undefined });
    expect(Object.entries(hold.takeDue(0)?.record.headers ?? {})).toEqual([['__proto__', 'a']]);
  });

  it('copies what it holds: a slice would keep the whole answer of the broker', () => {
    const hold = createHold();
    const response = Buffer.from('keyvalueheader');
    const [key, value, header] = [response.subarray(0, 3), response.subarray(3, 8), response.subarray(8)];
    hold.add({ record: { ...exposureRecord(0), key, value, headers: { header, many: [header] } }, dueAtMs: 0, before: undefined });
    response.fill('x');
    const record = hold.takeDue(0)?.record;
    expect([record?.key?.toString(), record?.value?.toString(), String(record?.headers['header'])]).toEqual(['key', 'value', 'header']);
    expect(record?.headers['many']).toEqual([Buffer.from('header')]);
  });
});
