// Contract: the ages that readTimeLags() makes of the broker's own time index, through openLagSource(), are those that the
// records were written with: to five in a hundred, and on the right side of a limit to the millisecond.
import { describe, expect, test } from 'vitest';
import { readTimeLags, type TimeTarget } from '../../src/core/lag/time-lag.ts';
import { openLagSource } from '../../src/kafka/lag-source.ts';
import { connectionTo } from './connection.ts';
import { createLedTopic, targetOf, writeAged } from './lag-topic.ts';

const MINUTE_MS = 60_000;

describe('readTimeLags() on the broker’s own index', () => {
  test('finds ages as they were written, each in its own partition, to five in a hundred', async () => {
    const agesMs = [0.2, 3, 45, 7 * 60, 5 * 3600, 40 * 3600].map((seconds) => seconds * 1000);
    const topic = await createLedTopic({ partitions: agesMs.length, config: { 'retention.ms': '-1' } });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    await source.readGroup();
    const truths: number[] = [];
    for (const [partition, ageMs] of agesMs.entries()) {
      // A burst of older ones before, a few younger ones behind.
      const nowMs = await writeAged(topic, partition, [
        ...Array.from({ length: 40 }, (_, i) => ageMs * 3 + 1000 - i),
        ageMs,
        ageMs * 0.6,
        ageMs * 0.3,
        0,
      ]);
      truths.push(nowMs - ageMs);
    }
    const targets = agesMs.map((_, partition): TimeTarget => ({ topic, partition, offset: 40n, end: 44n }));
    const nowMs = Date.now();
    const memory = new Map();
    const lags = await readTimeLags(targets, { source, nowMs, memory, limitMs: undefined });
    for (const [partition, truth] of truths.entries()) {
      const trueMs = nowMs - truth;
      const lag = lags[partition];
      expect(lag?.minMs, `partition ${partition}`).toBeLessThanOrEqual(trueMs + 1);
      expect(lag?.maxMs, `partition ${partition}`).toBeGreaterThanOrEqual(trueMs - 1);
      if (trueMs > 1000) expect(lag?.maxMs ?? 0).toBeLessThanOrEqual(trueMs * 1.06);
    }
    expect(memory.size).toBe(agesMs.length);
  });

  test('tells above or below a limit exactly, with records a millisecond apart', async () => {
    const topic = await createLedTopic({ partitions: 1 });
    await using source = openLagSource(connectionTo(), targetOf(topic));
    await source.readGroup();
    const writtenMs = await writeAged(
      topic,
      0,
      Array.from({ length: 100 }, (_, i) => MINUTE_MS + 50 - i),
    );
    const recordMs = (offset: number): number => writtenMs - (MINUTE_MS + 50 - offset);
    const nowMs = Date.now();
    for (const offset of [0, 1, 49, 50, 51, 99]) {
      const limitMs = nowMs - recordMs(50);
      const [lag] = await readTimeLags([{ topic, partition: 0, offset: BigInt(offset), end: 100n }], {
        source,
        nowMs,
        memory: new Map(),
        limitMs,
      });
      expect({ offset, isOver: (lag?.minMs ?? 0) > limitMs, isUnder: (lag?.maxMs ?? 0) <= limitMs }).toEqual({
        offset,
        isOver: offset < 50,
        isUnder: offset >= 50,
      });
    }
  });
});
