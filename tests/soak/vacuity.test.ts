import { describe, expect, it } from 'vitest';
import { planSoak } from './schedule.ts';
import { type Happened, vacuousIn } from './vacuity.ts';

const SEEN = { 'circuit.opened': 3, 'rows kept out by the anti-join': 5, 'copies in a batch': 0, 'spool.found': 2 };

function soak(minutes: number, over: Partial<Happened> = {}): Happened {
  const planned = planSoak({ minutes, seed: 7 }).map(({ kind }) => kind);
  const fired = planned.map((kind) => ({ kind, partitions: kind.endsWith('-consumer') ? 3 : 0 }));
  return { minutes, accept: 'broker', planned, fired, seen: SEEN, deadLetters: 4, postedTwice: 9, ...over };
}

describe('vacuousIn()', () => {
  it.each([1, 2, 10, 60])('finds nothing lacking in a soak of %i minutes in which all that was planned happened', (minutes) => {
    expect(vacuousIn(soak(minutes))).toEqual([]);
    expect(vacuousIn(soak(minutes, { accept: 'spool' }))).toEqual([]);
  });

  it.each([
    ['faults fired', (full: Happened) => ({ fired: full.fired.slice(1) })],
    ['kills', (full: Happened) => ({ fired: full.fired.map((one) => ({ ...one, kind: 'freeze-serve' as const })) })],
    ['outages', (full: Happened) => ({ fired: full.fired.map((one) => ({ ...one, kind: 'kill-serve' as const })) })],
    ['held partitions', (full: Happened) => ({ fired: full.fired.map((one) => ({ ...one, partitions: 0 })) })],
    ['circuit.opened', () => ({ seen: { ...SEEN, 'circuit.opened': 0 } })],
    ['duplicates met', () => ({ seen: { ...SEEN, 'rows kept out by the anti-join': 0 } })],
    ['posted twice', () => ({ postedTwice: 0 })],
    ['dead letters', () => ({ deadLetters: 0 })],
    ['spools found again', () => ({ accept: 'spool' as const, seen: { ...SEEN, 'spool.found': 0 } })],
  ])('says of a full soak that it lacks %s', (what, over) => {
    const full = soak(10);
    expect(vacuousIn({ ...full, ...over(full) }).join('; ')).toContain(what);
  });

  it('asks of a short soak no more than its schedule holds', () => {
    const lacking = vacuousIn(soak(1, { seen: { ...SEEN, 'circuit.opened': 0 } }));
    expect(lacking).toEqual([]);
  });
});
