// Takes edited dead letters back: each line is held against the letter it was exported from, and against what consume would
// say to it. One line that is wrong refuses them all, so that nobody has to find out which ones went in.
import { GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { formatOrigin } from '../exposure/origin.ts';
import { type Reading, scanStretches } from '../verify/scan.ts';
import { placeOfOrigin } from './dialects.ts';
import { type EditedLine, mend, parseEditedLine } from './edit.ts';
import { toCandidate, toCandidateExposure } from './gather.ts';
import { type Letter, readLetter } from './letter.ts';
import type { PlannedCandidate } from './make-plan.ts';
import type { ReplayLogs } from './ports.ts';

export interface NumberedLine {
  readonly number: number;
  /** Undefined where it is too long. */
  readonly text: string | undefined;
}

interface WrongLine {
  readonly number: number;
  readonly why: string;
}

interface Place {
  readonly topic: string;
  readonly clusterId: string;
}

const LINES_MAX = 100_000;
const WRONG_SHOWN_MAX = 20;

/** @returns the edited letters, in no order. @throws {GbxError} GBX_INPUT_INVALID with every wrong line, up to twenty */
export async function importLetters(
  lines: AsyncIterable<NumberedLine>,
  place: Place,
  { logs, ...reading }: Reading & { readonly logs: ReplayLogs },
): Promise<readonly PlannedCandidate[]> {
  const wrong: WrongLine[] = [];
  const wanted = new Map<string, { readonly number: number; readonly line: EditedLine }>();
  const origins = new Map<string, number>();
  for await (const { number, text } of lines) {
    if (text?.trim() === '') continue;
    const parsed = text === undefined ? { kind: 'wrong' as const, why: 'is too long' } : parseEditedLine(text);
    if (parsed.kind === 'wrong') wrong.push({ number, why: parsed.why });
    else {
      const { line } = parsed;
      const key = `${line.partition}/${line.offset}`;
      const before = wanted.get(key)?.number ?? origins.get(line.origin);
      if (before !== undefined) wrong.push({ number, why: `is the same record as line ${before}` });
      else wanted.set(key, { number, line });
      origins.set(line.origin, before ?? number);
    }
    if (wanted.size > LINES_MAX)
      throw new GbxError('GBX_INPUT_INVALID', `Cannot import more than ${LINES_MAX} lines at once`, { hint: 'split the file' });
  }
  const mended = await holdAgainstLetters(wanted, place, { logs, ...reading, wrong });
  if (wrong.length > 0) throw refused(wrong);
  return mended;
}

async function holdAgainstLetters(
  wanted: Map<string, { readonly number: number; readonly line: EditedLine }>,
  { topic, clusterId }: Place,
  { logs, wrong, ...reading }: Reading & { readonly logs: ReplayLogs; readonly wrong: WrongLine[] },
): Promise<PlannedCandidate[]> {
  const mended: PlannedCandidate[] = [];
  const seen = (record: LogRecord): void => {
    const key = `${record.partition}/${record.offset}`;
    const known = wanted.get(key);
    if (known === undefined) return;
    wanted.delete(key);
    const result = mendOne(record, readLetter(record, topic), { line: known.line, clusterId });
    if (typeof result === 'string') wrong.push({ number: known.number, why: result });
    else mended.push(result);
  };
  await scanStretches(logs, await stretchesOf(logs, topic, wanted), { ...reading, step: 'reading the dead letters', onRecord: seen });
  for (const { number, line } of wanted.values())
    wrong.push({ number, why: `is of a dead letter that is gone: ${topic}/${line.partition}/${line.offset}` });
  return mended;
}

/** @returns why it is wrong, or what it became */
function mendOne(
  record: LogRecord,
  letter: Letter,
  { line, clusterId }: { readonly line: EditedLine; readonly clusterId: string },
): string | PlannedCandidate {
  if (formatOrigin(letter.origin) !== line.origin)
    return `is of ${line.origin}, and at ${line.partition}/${line.offset} stands a letter of ${placeOfOrigin(letter.origin)}`;
  const result = mend(record, letter, { clusterId, value: line.value });
  if (result.kind === 'wrong') return result.why;
  const { key, value, decoded } = result;
  return {
    ...toCandidate(record, letter, clusterId),
    experimentId: decoded.exposure.experimentId,
    exposure: toCandidateExposure(decoded.exposure),
    edited: { key, value },
  };
}

/** Of each partition the span that holds what is wanted, as far as it is still there. */
async function stretchesOf(
  logs: ReplayLogs,
  topic: string,
  wanted: ReadonlyMap<string, { readonly line: EditedLine }>,
): Promise<{ topic: string; partition: number; from: bigint; to: bigint }[]> {
  const ranges = await logs.ranges(topic);
  if (ranges === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot read the topic ${topic} as there is none`);
  return ranges.flatMap(({ partition, start, end }) => {
    const offsets = [...wanted.values()].flatMap(({ line }) => (line.partition === partition ? line.offset : []));
    const inside = offsets.filter((offset) => offset >= start && offset < end).sort((one, other) => (one < other ? -1 : 1));
    const [first, last] = [inside[0], inside.at(-1)];
    return first === undefined || last === undefined ? [] : [{ topic, partition, from: first, to: last + 1n }];
  });
}

function refused(wrong: readonly WrongLine[]): GbxError {
  const sorted = [...wrong].sort((one, other) => one.number - other.number);
  const shown = sorted.slice(0, WRONG_SHOWN_MAX).map(({ number, why }) => `line ${number} ${why}`);
  const more = sorted.length > WRONG_SHOWN_MAX ? `; and ${sorted.length - WRONG_SHOWN_MAX} more` : '';
  return new GbxError('GBX_INPUT_INVALID', `Cannot import: ${shown.join('; ')}${more}`, {
    hint: 'mend these lines or take them out: nothing was planned',
  });
}
