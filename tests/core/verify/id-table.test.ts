import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createIdTable,
  type Fingerprint,
  FLAG,
  fingerprintOf,
  fingerprintText,
  hashWho,
  type NewEntry,
} from '../../../src/core/verify/id-table.ts';

function entry(id: Fingerprint, content: Fingerprint, flags: number = FLAG.must): NewEntry {
  return { id, content, who: 1, partition: 2, experiment: 3, flags };
}

describe('createIdTable()', () => {
  it('refuses an entry beyond its size, and takes an equal one', () => {
    const table = createIdTable(1);
    const [one, other] = [fingerprintText('one'), fingerprintText('other')];
    expect(table.add(entry(one, one))).toBe(true);
    expect(table.isFull()).toBe(true);
    expect(table.add(entry(one, one, FLAG.may))).toBe(false);
    expect(() => table.add(entry(other, one))).toThrow(RangeError);
    expect(table.find(other)).toBe(-1);
    expect(table.group(other)).toEqual([]);
  });

  it('counts rows as a map would, however the ids collide', () => {
    const small = fc.record({ high: fc.nat(1), low: fc.nat(5) });
    const added = fc.array(fc.tuple(small, fc.record({ high: fc.nat(1), low: fc.constant(0) })), { maxLength: 30 });
    fc.assert(
      fc.property(added, added, (entries, rows) => {
        const table = createIdTable(30);
        const key = (one: Fingerprint): string => `${one.high}/${one.low}`;
        const contents = new Map<string, Map<string, number>>();
        const odd = new Map<string, number>();
        for (const [id, content] of entries) {
          const own = contents.get(key(id)) ?? new Map<string, number>();
          expect(table.add(entry(id, content))).toBe(!own.has(key(content)));
          contents.set(key(id), own.set(key(content), own.get(key(content)) ?? 0));
        }
        for (const [id, content] of rows) {
          const own = contents.get(key(id));
          expect(table.countRow(id, () => content)).toBe(own !== undefined);
          if (own?.has(key(content))) own.set(key(content), (own.get(key(content)) ?? 0) + 1);
          else if (own !== undefined) odd.set(key(id), (odd.get(key(id)) ?? 0) + 1);
        }
        for (const [id] of entries) {
          const group = table.group(id);
          expect(group.map((slot) => table.rows[slot])).toEqual([...(contents.get(key(id))?.values() ?? [])]);
          expect(table.oddRows[group[0] ?? -1]).toBe(odd.get(key(id)) ?? 0);
          expect(group.filter((slot) => ((table.flags[slot] ?? 0) & FLAG.first) !== 0)).toEqual([table.find(id)]);
        }
      }),
    );
  });

  it('takes so many entries of one id, and counts the others', () => {
    const table = createIdTable(60);
    const id = fingerprintText('id');
    for (let at = 0; at < 70; at++) table.add(entry(id, { high: at, low: 0 }));
    expect(table.group(id)).toHaveLength(50);
    expect(table.crowdOf(table.find(id))).toBe(20);
    expect(table.isFull()).toBe(false);
    expect(table.add(entry(id, { high: 3, low: 0 }))).toBe(false);
    expect(table.crowdOf(table.find(id))).toBe(20);
  });

  it('stops counting rows at 255 instead of beginning anew', () => {
    const table = createIdTable(1);
    const id = fingerprintText('id');
    table.add(entry(id, id));
    for (let at = 0; at < 300; at++) table.countRow(id, () => id);
    expect(table.rows[table.find(id)]).toBe(255);
  });
});

describe('fingerprintOf()', () => {
  it('takes the first sixty bits of the hash', () => {
    const bits = BigInt(`0x${hash('sha256', 'text', 'hex').slice(0, 15)}`);
    const { high, low } = fingerprintText('text');
    expect((BigInt(high) << 30n) | BigInt(low)).toBe(bits);
    expect(fingerprintOf(hash('sha256', 'text', 'base64url'))).toEqual({ high, low });
  });
});

describe('hashWho()', () => {
  it('tells where one part ends and the next begins', () => {
    const [one, other] = [
      { dsUserId: 'ab', experimentId: 'c', variationId: 'd' },
      { dsUserId: 'a', experimentId: 'bc', variationId: 'd' },
    ];
    expect(hashWho(one)).not.toBe(hashWho(other));
    expect(hashWho(one)).toBe(hashWho({ ...one }));
  });
});
