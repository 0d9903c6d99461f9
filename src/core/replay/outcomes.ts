// What became of the records that were sent: in the table, dead again, or neither yet. Asked by the run after its canaries,
// between batches, and at its end.
import { HEADERS } from '../exposure/header-names.ts';
import { parseOrigin } from '../exposure/origin.ts';
import { placeOfOrigin } from './dialects.ts';
import { rangesOf } from './gather.ts';
import { readLetter } from './letter.ts';
import type { Plan, PlanEntry } from './plan.ts';
import type { ReplayLogs, ReplayTable } from './ports.ts';
import { findStanding, judgeRows } from './select.ts';

export interface Tally {
  readonly sent: number;
  readonly loaded: number;
  readonly failedAgain: number;
  readonly pending: number;
  /** Those that failed again, by reason. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface Outcomes {
  add(entries: readonly PlanEntry[]): void;
  /** Looks for what is not known yet. Without the table, or for `lettersOnly`, at the dead letters alone. */
  look(options?: { readonly lettersOnly?: boolean }): Promise<Tally>;
  tally(): Tally;
}

interface Deps {
  readonly logs: ReplayLogs;
  readonly table: ReplayTable | undefined;
  readonly signal: AbortSignal;
}

export function createOutcomes(plan: Plan, { logs, table, signal }: Deps): Outcomes {
  const pending = new Map<string, PlanEntry>();
  const failed = new Map<string, { readonly entry: PlanEntry; readonly code: string }>();
  /** Dead again by letters that were seen; some may be of records that are added later. */
  const dead = new Map<string, string>();
  const positions = new Map(plan.letterEnds.map(({ partition, end }) => [partition, end]));
  let [sent, loaded] = [0, 0];

  async function readLetters(): Promise<void> {
    for (const { partition, start, end } of await rangesOf(logs, plan.deadLetterTopic)) {
      const known = positions.get(partition) ?? 0n;
      const from = known > start ? known : start;
      if (from >= end) continue;
      for await (const { records, nextOffset } of logs.read({ topic: plan.deadLetterTopic, partition, from, to: end }, signal)) {
        for (const record of records) {
          const letter = readLetter(record, plan.deadLetterTopic);
          if (letter.replayId === plan.id && record.headers[HEADERS.origin] !== undefined)
            dead.set(placeOfOrigin(letter.origin), letter.code);
        }
        positions.set(partition, nextOffset);
      }
    }
    for (const [key, entry] of pending) {
      const code = dead.get(placeKey(entry));
      if (code === undefined) continue;
      failed.set(key, { entry, code });
      pending.delete(key);
    }
  }

  /** A row wins over a dead letter: of a record that was sent twice, one copy may have been refused. */
  async function readTable(): Promise<void> {
    const asked = [...pending, ...[...failed].map(([key, { entry }]) => [key, entry] as const)];
    const standing = await findStanding(
      table,
      asked.map(([, { exposure }]) => exposure),
    );
    for (const [key, { exposure }] of asked) {
      if (judgeRows(exposure, standing.get(exposure.exposureId) ?? []) !== 'loaded') continue;
      pending.delete(key);
      failed.delete(key);
      loaded++;
    }
  }

  function tally(): Tally {
    const codes: Record<string, number> = {};
    for (const { code } of failed.values()) codes[code] = (codes[code] ?? 0) + 1;
    return { sent, loaded, failedAgain: failed.size, pending: pending.size, codes };
  }

  return {
    add(entries) {
      sent += entries.length;
      for (const entry of entries) pending.set(placeKey(entry), entry);
    },
    async look({ lettersOnly = false } = {}) {
      await readLetters();
      if (table !== undefined && !lettersOnly) await readTable();
      return tally();
    },
    tally,
  };
}

function placeKey({ origin }: PlanEntry): string {
  const parsed = parseOrigin(origin);
  return parsed === undefined ? origin : placeOfOrigin(parsed);
}
