// A plan: exactly these records, of a topic as it stood. One line for the whole, one for each record, and a last one with the
// hash of all before it, so that a plan that is torn or was changed is not run. Written by plan, import and range; read by run.
import { hash } from 'node:crypto';
import * as z from 'zod';
import { GbxError } from '../errors.ts';
import type { LogRange } from '../verify/ports.ts';
import type { CandidateExposure } from './gather.ts';

export const PLAN_SCHEMA = 'gbx.replay-plan-file/1';

export interface PlanEntry {
  readonly partition: number;
  readonly offset: bigint;
  /** As gbx-origin has it. */
  readonly origin: string;
  readonly exposure: CandidateExposure;
  /** Of key and value, as the record stands in the log. */
  readonly hash: string;
  readonly replayCount: number;
  /** Takes the place of the record's value; the key is the user of it. */
  readonly edited?: { readonly key: string; readonly value: string } | undefined;
}

export interface PlanHead {
  readonly id: string;
  /** letters: of the dead-letter topic; import: the same, edited; range: of the main topic. */
  readonly kind: 'letters' | 'import' | 'range';
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  readonly clusterId: string;
  /** Where the records stand, and where they go. */
  readonly sourceTopic: string;
  readonly targetTopic: string;
  readonly deadLetterTopic: string;
  /** Of the source, as it stood. */
  readonly ranges: readonly LogRange[];
  /** The ends of the dead-letter topic: what fails again stands behind them. */
  readonly letterEnds: readonly { readonly partition: number; readonly end: bigint }[];
  /** Also those that are in the table by the time it is run. */
  readonly resendsLoaded: boolean;
  /** Which were asked for, as it was typed. */
  readonly filter: Readonly<Record<string, string>>;
  /** Records looked at; those that stand for the same one as another; those left out, by reason. */
  readonly records: number;
  readonly duplicates: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly codes: Readonly<Record<string, number>>;
}

export interface Plan extends PlanHead {
  readonly entries: readonly PlanEntry[];
  /** Of all its text. */
  readonly hash: string;
}

const OFFSET = z
  .string()
  .regex(/^\d{1,19}$/u)
  .transform(BigInt);
const RANGE = z.object({ partition: z.int(), start: OFFSET, end: OFFSET });
const COUNTS = z.record(z.string(), z.int());

const HEAD = z.object({
  schema: z.literal(PLAN_SCHEMA),
  id: z.string().regex(/^[\w.-]{1,64}$/u),
  kind: z.enum(['letters', 'import', 'range']),
  createdAtMs: z.number(),
  clusterId: z.string(),
  sourceTopic: z.string(),
  targetTopic: z.string(),
  deadLetterTopic: z.string(),
  ranges: z.array(RANGE),
  letterEnds: z.array(z.object({ partition: z.int(), end: OFFSET })),
  resendsLoaded: z.boolean(),
  filter: z.record(z.string(), z.string()),
  records: z.int(),
  duplicates: z.int(),
  skipped: COUNTS,
  codes: COUNTS,
});

const ENTRY = z.object({
  p: z.int(),
  o: OFFSET,
  origin: z.string(),
  id: z.string(),
  ts: z.number(),
  who: z.string(),
  hash: z.string(),
  replays: z.int(),
  edited: z.object({ key: z.string(), value: z.string() }).optional(),
});

const TAIL = z.object({ sha256: z.string() });

/** @returns the text of the file, and the plan as it will be read from it */
export function formatPlan(head: PlanHead, entries: readonly PlanEntry[]): { readonly text: string; readonly plan: Plan } {
  const lines = [JSON.stringify({ schema: PLAN_SCHEMA, ...head }, bigintAsText)];
  for (const { partition, offset, origin, exposure, hash: own, replayCount, edited } of entries) {
    const { exposureId: id, tsMicros: ts, who } = exposure;
    lines.push(JSON.stringify({ p: partition, o: String(offset), origin, id, ts, who, hash: own, replays: replayCount, edited }));
  }
  const body = `${lines.join('\n')}\n`;
  const sha256 = hash('sha256', body, 'hex');
  return { text: `${body}${JSON.stringify({ sha256 })}\n`, plan: { ...head, entries, hash: sha256 } };
}

/** @param name of the file, for messages. @throws {GbxError} GBX_INPUT_INVALID for what is torn, changed or no plan */
export function parsePlan(text: string, name: string): Plan {
  try {
    const end = text.lastIndexOf('\n', text.length - 2) + 1;
    const body = text.slice(0, end);
    const { sha256 } = TAIL.parse(JSON.parse(text.slice(end)));
    if (hash('sha256', body, 'hex') !== sha256) throw new RangeError('it was changed after it was made');
    const [first = '', ...rest] = body.trimEnd().split('\n');
    const { schema: _schema, ...head } = HEAD.parse(JSON.parse(first));
    const entries = rest.map((line) => {
      const { p, o, origin, id, ts, who, hash: own, replays, edited } = ENTRY.parse(JSON.parse(line));
      const exposure = { exposureId: id, tsMicros: ts, who };
      return { partition: p, offset: o, origin, exposure, hash: own, replayCount: replays, edited };
    });
    return { ...head, entries, hash: sha256 };
  } catch (error) {
    const why = error instanceof RangeError ? error.message : 'it is torn, or no plan';
    throw new GbxError('GBX_INPUT_INVALID', `Cannot take ${name} for a plan: ${why}`, {
      cause: error,
      hint: 'make it anew: gbx replay plan',
    });
  }
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** `replay-20260131T120000Z-1a2b`: read in a header or a folder, it says when. */
export function createPlanId(nowMs: number, random: () => number): string {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  const tail = Math.floor(random() * 2 ** 16)
    .toString(16)
    .padStart(4, '0');
  return `replay-${time}-${tail}`;
}
