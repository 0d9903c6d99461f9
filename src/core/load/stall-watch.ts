// Tells whether a source still gives what the log holds: its client may look alive, beat its heart, and read a partition no
// more. supervise.ts feeds it with what is taken and, now and then, with the ends of the log.
import type { PartitionOffsets } from './ports.ts';

export interface StallWatch {
  /** A new assignment: nothing is read before it is sought. */
  joined(): void;
  sought(positions: ReadonlyMap<number, bigint>): void;
  gave(partition: number, nextOffset: bigint): void;
  /** The partitions whose ends are to be looked up for check(); none where all of them move. */
  doubted(): number[];
  /** @param wasEmpty all that the client had was taken at some time since the last check */
  check(offsets: readonly PartitionOffsets[], wasEmpty?: boolean): StallFinding;
}

export interface StallFinding {
  /** Partitions that gave nothing for all the checks in a row, though the log holds more. */
  readonly stalled: readonly number[];
  /** All that the log holds was given. */
  readonly isCaughtUp: boolean;
}

interface Reading {
  position: bigint;
  /** Whether it gave something since the last check. */
  gave: boolean;
  /** The log's end at the last check. */
  knownEnd: bigint | undefined;
  silentChecks: number;
}

/** @param checksMax so many checks without a record, after the one that saw the log's end */
export function createStallWatch(checksMax: number): StallWatch {
  const readings = new Map<number, Reading>();
  return {
    joined: () => readings.clear(),
    sought: (positions) => {
      for (const [partition, position] of positions)
        readings.set(partition, { position, gave: true, knownEnd: undefined, silentChecks: 0 });
    },
    gave: (partition, nextOffset) => {
      const reading = readings.get(partition);
      if (reading !== undefined) Object.assign(reading, { position: nextOffset, gave: true, silentChecks: 0 });
    },
    doubted: () => {
      const isDoubted = [...readings.values()].some(({ gave, knownEnd }) => !gave || knownEnd === undefined);
      return isDoubted ? [...readings.keys()] : [];
    },
    check: (offsets, wasEmpty = true) => check(readings, offsets, { checksMax, wasEmpty }),
  };
}

/**
 * What was in the log at the last check should have been given by now. A partition that gave none of it counts as silent only
 * once the others gave all of theirs: under a backlog each has to wait for its turn. Nor does one whose records may be there, not
 * taken.
 */
function check(
  readings: Map<number, Reading>,
  offsets: readonly PartitionOffsets[],
  { checksMax, wasEmpty }: { readonly checksMax: number; readonly wasEmpty: boolean },
): StallFinding {
  const behind = [...readings.values()].filter(({ position, knownEnd }) => knownEnd !== undefined && position < knownEnd);
  const silent = behind.filter(({ gave }) => !gave);
  if (wasEmpty && silent.length === behind.length) for (const reading of silent) reading.silentChecks++;
  const stalled = [...readings].filter(([, { silentChecks }]) => silentChecks >= checksMax).map(([partition]) => partition);
  const ends = new Map(offsets.map(({ partition, end }) => [partition, end]));
  let isCaughtUp = readings.size > 0;
  for (const [partition, reading] of readings) {
    reading.gave = false;
    reading.knownEnd = ends.get(partition);
    if (reading.knownEnd === undefined || reading.position < reading.knownEnd) isCaughtUp = false;
  }
  return { stalled, isCaughtUp };
}
