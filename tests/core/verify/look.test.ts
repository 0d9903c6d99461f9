// What looks wrong at first and is right: verify() as a whole, where look.ts decides.
import { describe, expect, it } from 'vitest';
import { A, createWorld, dropRow, exposure, NOON_MS, rightWorld, stored } from './world.ts';

const DAY_MICROS = 86_400_000_000;

describe('verify() of the topic takes for right', () => {
  it('what is loaded, and calls an empty range exact', async () => {
    expect(await rightWorld().verify()).toMatchObject({ isExact: true, account: { totals: { expected: 3, loaded: 3 } } });
    const from = { kind: 'offset', offset: 2n } as const;
    expect(await rightWorld().verify({ from })).toMatchObject({ isExact: true, account: { totals: { expected: 0 } }, records: 0 });
  });

  it('copies of one exposure with one row: equal ones, and ones with another time, whichever stands', async () => {
    const later = { ...A, tsMicros: A.tsMicros - 5_000_000 };
    for (const row of [A, later]) {
      const world = createWorld();
      for (const copy of [A, A, later]) world.put(copy);
      world.load(row);
      expect(await world.verify()).toMatchObject({ isExact: true, account: { totals: { expected: 1, loaded: 1 } }, records: 3 });
    }
  });

  it('an id that was loaded again more than a day later, and no sooner', async () => {
    for (const [days, isExact] of [
      [2, true],
      [0.5, false],
    ] as const) {
      const again = { ...A, tsMicros: A.tsMicros + days * DAY_MICROS };
      const world = createWorld();
      world.put(A, { timestampMs: NOON_MS + 3 * 86_400_000 });
      world.put(again, { timestampMs: NOON_MS + 3 * 86_400_000 });
      world.load(A, again);
      expect(await world.verify()).toMatchObject({
        isExact,
        account: { totals: { loadedAgain: isExact ? 1 : 0, doubled: isExact ? 0 : 1 } },
      });
    }
  });

  it('a row whose copy stands outside the range, before or after it', async () => {
    const later = { ...A, tsMicros: A.tsMicros - 5_000_000 };
    const world = createWorld(1);
    world.put(A);
    world.put(later);
    world.put({ ...A, source: 'third' });
    world.load({ ...A, source: 'third' });
    for (const [from, to] of [
      [0n, 1n],
      [1n, 2n],
      [2n, 3n],
    ] as const) {
      const plan = { from: { kind: 'offset', offset: from }, to: { kind: 'offset', offset: to } } as const;
      expect(await world.verify(plan)).toMatchObject({ isExact: true, account: { totals: { expected: 1, loaded: 1 } } });
    }
    dropRow(world, 'a');
    world.rows.push(stored(A));
    expect(await world.verify({ from: { kind: 'offset', offset: 2n } })).toMatchObject({ isExact: true });
  });

  it('a dead letter instead of a row, of any copy, and a row beside a dead letter', async () => {
    const world = createWorld();
    const offset = world.put(A);
    world.put(A, { partition: 1 });
    world.load();
    world.letter(A, { offset });
    expect(await world.verify()).toMatchObject({ isExact: true, account: { totals: { expected: 1, deadLettered: 1, loaded: 0 } } });
    world.rows.push(stored(A));
    expect(await world.verify()).toMatchObject({ isExact: true, account: { totals: { deadLettered: 0, loaded: 1, inBoth: 1 } } });
  });

  it('a refused exposure whose copy waits behind the ledger, in the topic or in the retry topic', async () => {
    const world = rightWorld();
    dropRow(world, 'a');
    world.put(A, { headers: { 'gbx-origin': `t/0/0/${NOON_MS}`, 'gbx-retry-count': '1' } });
    expect(await world.verify()).toMatchObject({
      isExact: true,
      account: { totals: { waiting: 1, missing: 0 } },
      findings: { waiting: ['a'] },
    });

    const other = rightWorld();
    dropRow(other, 'a');
    other.put(A, { topic: 'retry', headers: { 'gbx-origin': `t/0/0/${NOON_MS}` } });
    expect(await other.verify()).toMatchObject({ isExact: false });
    expect(await other.verify({ retryTopic: 'retry' })).toMatchObject({ isExact: true, account: { totals: { waiting: 1 } } });
    other.ledger.set('retry/0', 1n);
    expect(await other.verify({ retryTopic: 'retry' })).toMatchObject({ isExact: false, account: { totals: { missing: 1 } } });
  });

  it('records behind the ledger, counted as waiting', async () => {
    const world = rightWorld();
    world.put(exposure('d'));
    const { isExact, ranges } = await world.verify();
    expect({ isExact, waiting: ranges.map(({ waiting }) => waiting) }).toEqual({ isExact: true, waiting: [1n, 0n] });
  });

  it('the row of any copy, however often the exposure or its id was sent', async () => {
    const again = createWorld(1);
    for (let nth = 0; nth < 60; nth++) again.put(A);
    const last = { ...A, source: 'last' };
    again.put(last);
    again.load(last);
    again.rows.push(stored({ ...A, tsMicros: A.tsMicros + 2 * DAY_MICROS }));
    again.put({ ...A, tsMicros: A.tsMicros + 2 * DAY_MICROS }, { timestampMs: NOON_MS + 3 * 86_400_000 });
    again.load();
    expect(await again.verify()).toMatchObject({
      isExact: true,
      crowded: 0,
      account: { totals: { expected: 1, loaded: 1, loadedAgain: 1 } },
    });

    const constant = createWorld(1);
    const copies = Array.from({ length: 80 }, (_, nth) => ({ ...A, tsMicros: A.tsMicros + nth }));
    for (const copy of copies) constant.put(copy);
    constant.load(...copies.slice(70, 71));
    expect(await constant.verify()).toMatchObject({ isExact: true, crowded: 30, account: { totals: { expected: 1, loaded: 1 } } });
  });

  it('what consumers load while it reads', async () => {
    const world = rightWorld();
    world.onSnapshot = () => {
      const late = exposure('late');
      world.put(late);
      world.load(late);
    };
    expect(await world.verify()).toMatchObject({ isExact: true, strangeRows: 0, account: { totals: { expected: 3, loaded: 3 } } });
  });

  it('what was loaded ahead of the ledger, which a record that is held back keeps where it is', async () => {
    const world = rightWorld();
    const ahead = exposure('ahead');
    world.put(exposure('held'));
    world.put(ahead);
    world.rows.push(stored(ahead));
    expect(await world.verify()).toMatchObject({ isExact: true, strangeRows: 0 });
    world.rows.push(stored(exposure('from nowhere')));
    expect(await world.verify()).toMatchObject({ isExact: false, strangeRows: 1, findings: { phantom: ['from nowhere'] } });
  });
});
