// Dead letters of the batch that fills, written while the batch before it is flushed: through the loop, as it calls writeEarly().
import { describe, expect, it } from 'vitest';
import type { FlushOutcome } from '../../../src/core/load/ports.ts';
import { type Bench, exposureRecord, joined, recordsEvent, setUp, start } from './fakes.ts';

const DURATIONS = { stageMs: 0, lockMs: 0, insertMs: 0, commitMs: 0 };

/** One flush under way that lasts until `land` is called. */
function withFlightInAir(bench: Bench): { land: () => void } {
  let land = (): void => undefined;
  bench.warehouse.answers.push(
    new Promise<FlushOutcome>((resolve) => {
      land = () => resolve({ kind: 'loaded', inserted: 2, durations: DURATIONS });
    }),
  );
  return { land: () => land() };
}

const invalid = (offset: number) => ({ ...exposureRecord(offset), value: Buffer.from('no JSON') });
const places = ({ letters }: Bench): bigint[] => letters.map(({ record }) => record.offset);

describe('writeEarly()', () => {
  it('tries again with the flush where writing early failed, and writes what was written once', async () => {
    const bench = setUp();
    const flight = withFlightInAir(bench);
    const { writeDeadLetters } = bench.deps;
    let failures = 1;
    const running = start({
      ...bench,
      deps: {
        ...bench.deps,
        writeDeadLetters: async (letters, onWritten, signal) => {
          if (failures-- > 0) throw new Error('the broker is gone');
          await writeDeadLetters(letters, onWritten, signal);
        },
      },
    });
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(500);
    bench.source.give(recordsEvent([invalid(2), exposureRecord(3)]));
    await running.pass(1_000);
    expect(places(bench)).toEqual([]);
    flight.land();
    await running.pass(2_000);
    expect(places(bench)).toEqual([2n]);
    await running.stop();
  });

  it('writes before the flush of the batch, while the one before it is under way', async () => {
    const bench = setUp();
    const flight = withFlightInAir(bench);
    const running = start(bench);
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(500);
    bench.source.give(recordsEvent([invalid(2)]));
    await running.pass(500);
    expect(places(bench)).toEqual([2n]);
    expect(bench.warehouse.flushed).toHaveLength(1);
    flight.land();
    await running.stop();
    expect(places(bench)).toEqual([2n]);
  });

  it('waits with an id that stands for another exposure, as that may turn out otherwise', async () => {
    const bench = setUp();
    const flight = withFlightInAir(bench);
    const running = start(bench);
    joined(bench);
    bench.source.give(recordsEvent([exposureRecord(0), exposureRecord(1)]));
    await running.pass(500);
    const other = exposureRecord(2);
    const reused = { ...other, offset: 3n, value: Buffer.from(String(other.value).replace('"u"', '"somebody else"')) };
    bench.source.give(recordsEvent([other, reused]));
    await running.pass(500);
    expect(places(bench)).toEqual([]);
    flight.land();
    await running.pass(2_000);
    expect(places(bench)).toEqual([3n]);
    await running.stop();
  });
});
