import { describe, expect, test } from 'vitest';
import { parsePosted } from '../../../src/core/exposure/posted.ts';
import { createSlots, type Slot, type Trouble } from '../../../src/core/traffic/slots.ts';
import { createTraffic } from '../../../src/core/traffic/traffic.ts';

const START_MS = Date.UTC(2026, 0, 31, 12);
const CALM: Trouble = { copies: 0, late: 0, malformed: 0, lateMs: 3_600_000 };
const traffic = createTraffic({ seed: 'slots', startMs: START_MS });

function slots(count: number, trouble: Partial<Trouble>, isAlwaysJson = false): Slot[] {
  const slotAt = createSlots({ seed: 'slots', traffic, trouble: { ...CALM, ...trouble }, isAlwaysJson });
  return Array.from({ length: count }, (_, i) => slotAt(i));
}

const isJson = ({ value }: Slot): boolean => {
  try {
    return typeof JSON.parse(value) === 'object';
  } catch {
    return false;
  }
};

const isValid = (slot: Slot): boolean =>
  isJson(slot) &&
  parsePosted(JSON.parse(slot.value), { acceptedAtMs: START_MS + 86_400_000, itemIndex: 0, mintId: () => '' }).kind === 'valid';

describe('createSlots()', () => {
  test('holds the traffic itself where there is no trouble', () => {
    const all = slots(200, {});
    expect(all.map(({ kind }) => kind)).toEqual(Array(200).fill('plain'));
    expect(all.map(({ exposure }) => exposure)).toEqual(all.map((_, i) => traffic.exposureAt(i)));
  });

  test('is the same whoever asks, in whatever order', () => {
    const trouble = { ...CALM, copies: 0.2, late: 0.1, malformed: 0.1 };
    const [one, other] = [0, 1].map(() => createSlots({ seed: 'slots', traffic, trouble, isAlwaysJson: false }));
    const forward = Array.from({ length: 500 }, (_, i) => one?.(i));
    const backward = Array.from({ length: 500 }, (_, i) => other?.(499 - i)).reverse();
    expect(forward).toEqual(backward);
  });

  test.each([0.001, 0.02, 0.3])('meets a share of %d within a few places', (share) => {
    const all = slots(20_000, { copies: share, late: share, malformed: share });
    for (const kind of ['copy', 'late', 'malformed'] as const) {
      expect(Math.abs(all.filter((slot) => slot.kind === kind).length - 20_000 * share)).toBeLessThan(6);
    }
  });

  test('copies events of before, near and far, byte by byte, and never a malformed one', () => {
    const all = slots(5_000, { copies: 0.3, late: 0.1, malformed: 0.3 });
    const firstAt = new Map<string, number>();
    const distances = new Set<string>();
    for (const [i, slot] of all.entries()) {
      const first = firstAt.get(slot.exposure.exposureId);
      if (slot.kind !== 'copy') expect(first).toBeUndefined();
      else {
        expect(all[first ?? -1]?.value).toBe(slot.value);
        expect(all[first ?? -1]?.kind).not.toBe('malformed');
        distances.add(i - (first ?? 0) < 10 ? 'near' : i - (first ?? 0) > 500 ? 'far' : 'between');
      }
      if (first === undefined) firstAt.set(slot.exposure.exposureId, i);
    }
    expect(distances.size).toBe(3);
  });

  test('dates the late ones back, and they stay valid', () => {
    for (const [i, slot] of slots(1_000, { late: 0.2 }).entries()) {
      expect(slot.exposure.tsMicros).toBe(traffic.exposureAt(i).tsMicros - (slot.kind === 'late' ? 3_600_000_000 : 0));
      expect(isValid(slot)).toBe(true);
    }
  });

  test('spoils the malformed ones in every way, as JSON where they must be', () => {
    for (const isAlwaysJson of [false, true]) {
      const spoiled = slots(1_000, { malformed: 0.2 }, isAlwaysJson).filter(({ kind }) => kind === 'malformed');
      expect(spoiled.length).toBeGreaterThan(150);
      expect(spoiled.filter(isValid)).toEqual([]);
      expect(spoiled.some((slot) => !isJson(slot))).toBe(!isAlwaysJson);
    }
  });
});
