// What `gbx replay` prints for people. Everything that comes out of a record is stripped of what a terminal would obey.
import { basename } from 'node:path';
import { formatOrigin } from '../core/exposure/origin.ts';
import {
  type ListedLetter,
  type PlanFacts,
  type PlanStatus,
  placesOf,
  type Rehearsal,
  type UnreadablePlan,
} from '../core/replay/documents.ts';
import { isoOf } from '../core/replay/edit.ts';
import type { Plan } from '../core/replay/plan.ts';
import type { RangeFound } from '../core/replay/range.ts';
import type { RunResult } from '../core/replay/run.ts';
import { SKIP_REASONS, SKIP_WORDS } from '../core/replay/select.ts';
import type { LetterStats } from '../core/replay/stats.ts';
import { createStatePaint } from './paint-state.ts';

type Paint = ReturnType<typeof createStatePaint>;

const LINES_MAX = 15;
const PLACES_MAX = 20;

export function formatList(
  topic: string,
  shown: readonly ListedLetter[],
  { letters, matching }: { letters: number; matching: number },
): string {
  const rows = shown.map(({ letter, experimentId }) => [
    `${letter.partition}/${letter.offset}`,
    timeOf(letter.failedAtMs),
    printable(letter.code),
    printable(experimentId ?? '-'),
    String(letter.retryCount),
    String(letter.replayCount),
    formatOrigin(letter.origin),
  ]);
  const head = ['place', 'failed at (UTC)', 'code', 'experiment', 'retries', 'replays', 'origin'];
  const more = matching > shown.length ? `, ${shown.length} shown (--limit)` : '';
  return lines([
    ...(rows.length === 0 ? [] : table([head, ...rows])),
    `${count(matching)} of ${count(letters)} dead letters in ${topic}${more}`,
  ]);
}

export function formatStats(topic: string, stats: LetterStats): string {
  const { letters, distinct, oldestMs, newestMs } = stats;
  if (letters === 0) return `no dead letters in ${topic}\n`;
  return lines([
    `${count(letters)} dead letters in ${topic}, of ${count(distinct)} records; ${timeOf(oldestMs ?? 0)} to ${timeOf(newestMs ?? 0)} UTC`,
    ...histogram('by code', stats.byCode),
    ...histogram('by experiment', stats.byExperiment),
    ...histogram('by hour', stats.byHour, 'name'),
    ...histogram('by partition', stats.byPartition, 'name'),
    ...histogram('by replays', stats.byReplayCount, 'name'),
    ...histogram('written by', stats.byDialect),
  ]);
}

function histogram(title: string, counts: ReadonlyMap<string, number>, order: 'count' | 'name' = 'count'): string[] {
  const byName = (one: string, other: string): number => one.localeCompare(other, 'en', { numeric: true });
  const sorted = [...counts].sort(([one, a], [other, b]) => (order === 'name' ? byName(one, other) : b - a || byName(one, other)));
  const shown = (order === 'name' ? sorted.slice(-LINES_MAX) : sorted.slice(0, LINES_MAX)).map(([name, number]) => [
    `  ${printable(name)}`,
    count(number),
  ]);
  return [`${title}${sorted.length > LINES_MAX ? ` (${shown.length} of ${sorted.length}, see all with --json)` : ''}`, ...table(shown)];
}

export function formatLetter(document: Readonly<Record<string, unknown>>): string {
  const { headers, schema: _schema, ...facts } = document;
  const rows = Object.entries(facts).map(([name, value]) => [name, printable(value === null ? '-' : String(value))]);
  const headerRows = Object.entries(headers ?? {}).map(([name, value]) => [`  ${printable(name)}`, printable([value].flat().join(' | '))]);
  return lines([...table(rows), 'headers', ...table(headerRows)]);
}

export function formatPlanMade(plan: Plan, { path, beyondLimit, tableAsked, range }: PlanFacts): string {
  const { entries, records, duplicates, sourceTopic, targetTopic, kind } = plan;
  const what = kind === 'range' ? 'records' : 'dead letters';
  const found = range === undefined ? [] : rangeLines(range);
  return lines([
    ...found,
    `would load ${count(entries.length)} of ${count(records)} ${what} of ${sourceTopic} again, into ${targetTopic}`,
    ...Object.entries(plan.codes)
      .sort(([, one], [, other]) => other - one)
      .map(([code, number]) => `  ${printable(code)} ${count(number)}`),
    ...(duplicates > 0 ? [`left out ${count(duplicates)}: the same record given up more than once`] : []),
    ...SKIP_REASONS.flatMap((reason) =>
      plan.skipped[reason] === undefined ? [] : [`left out ${count(plan.skipped[reason])}: ${SKIP_WORDS[reason]}`],
    ),
    ...(beyondLimit > 0 ? [`left out ${count(beyondLimit)}: beyond --limit`] : []),
    ...(tableAsked ? [] : ['the table was not asked what is in it already: no warehouse is configured']),
    ...(path === undefined
      ? ['nothing to load again']
      : [`plan ${plan.id}: ${path}`, `next: gbx replay run ${planName(path, plan)} --execute`]),
  ]);
}

function rangeLines({ expired, expiredUnloaded, ...range }: RangeFound): string[] {
  const passed = expired - expiredUnloaded;
  return [
    `range: ${count(range.records)} records, ${count(range.exposures)} exposures: ${count(range.loaded)} in the table, ${count(range.missing)} missing, ` +
      `${count(range.deadLetters)} dead letters, ${count(range.idReused)} under a taken id; ${count(range.invalid)} records are none` +
      (range.waiting > 0 ? `; ${count(range.waiting)} more wait to be loaded` : ''),
    ...(expiredUnloaded > 0 ? [`✗ up to ${count(expiredUnloaded)} more are lost: gone from the topic before they were loaded`] : []),
    ...(passed > 0 ? [`up to ${count(passed)} more have expired: whether they are in the table cannot be told`] : []),
  ];
}

export function formatRehearsal(plan: Plan, path: string, { left, gone, loaded, isBegun }: Rehearsal): string {
  return lines([
    `would load ${count(left - gone.length - loaded)} of ${count(plan.entries.length)} records of ${plan.sourceTopic} again, into ${plan.targetTopic}; nothing was sent`,
    ...(plan.entries.length > left ? [`${count(plan.entries.length - left)} are done by an earlier run`] : []),
    ...(loaded > 0 ? [`${count(loaded)} are in the table by now: left out`] : []),
    ...goneLines('✗', 'are gone from the topic', placesOf(plan, gone)),
    isBegun ? `next: gbx replay resume ${planName(path, plan)}` : `next: gbx replay run ${planName(path, plan)} --execute`,
  ]);
}

const VERDICTS = {
  done: '✓ done: each is in the table',
  sent: '✓ all are sent; nobody has looked whether they are loaded',
  incomplete: '✗ done, but not all are in the table',
  pending: '! all are sent; not all are in the table yet',
  stopped: '✗ stopped, as too many failed again',
  'canary-timeout': '✗ stopped, as the first ones are not loaded: is gbx consume running?',
  cancelled: '- cancelled',
  interrupted: '- interrupted',
} as const;

export function formatRun(
  plan: Plan,
  path: string,
  { result, hasColor }: { readonly result: RunResult; readonly hasColor: boolean },
): string {
  const { verdict, why, progress, outcome } = result;
  const paint = createStatePaint(hasColor);
  const name = planName(path, plan);
  return lines([
    `${colored(verdict, paint)}${why === undefined ? '' : `: ${printable(why)}`}`,
    `sent ${count(progress.sent)} of ${count(plan.entries.length)}   in the table ${count(outcome.loaded)}   failed again ${count(outcome.failedAgain)}   not known yet ${count(outcome.pending)}`,
    ...(progress.loadedBefore > 0 ? [`left out ${count(progress.loadedBefore)}: in the table already`] : []),
    ...Object.entries(outcome.codes).map(([code, number]) => paint('fail', `✗ ${printable(code)} ${count(number)}`)),
    ...goneLines('✗', 'were gone from the topic', placesOf(plan, progress.gone)),
    ...goneLines('✗', 'are too large with their headers', placesOf(plan, progress.tooLarge)),
    ...goneLines('✗', 'are refused by the topic, for another reason than their size', placesOf(plan, progress.refused)),
    ...nextStep(verdict, name),
  ]);
}

function colored(verdict: RunResult['verdict'], paint: Paint): string {
  if (verdict === 'done' || verdict === 'sent') return paint('ok', VERDICTS[verdict]);
  return paint(verdict === 'pending' || verdict === 'interrupted' || verdict === 'cancelled' ? 'warn' : 'fail', VERDICTS[verdict]);
}

function nextStep(verdict: RunResult['verdict'], name: string): string[] {
  if (verdict === 'interrupted') return [`go on: gbx replay resume ${name}`];
  if (verdict === 'stopped' || verdict === 'canary-timeout') return [`once the cause is mended: gbx replay resume ${name}`];
  if (verdict === 'pending' || verdict === 'sent') return [`later: gbx replay resume ${name}, which only looks; or gbx verify`];
  return verdict === 'incomplete' ? ['next: gbx replay stats'] : [];
}

export function formatStatuses(statuses: readonly PlanStatus[], unreadable: readonly UnreadablePlan[], folder: string): string {
  if (statuses.length + unreadable.length === 0) return `no plans in ${folder}\n`;
  const rows = statuses.map(({ plan, progress, state }) => [
    plan.id,
    plan.kind,
    state,
    `${count(progress.next)}/${count(plan.entries.length)}`,
    progress.ended === undefined ? '-' : count(progress.ended.loaded),
    progress.ended === undefined ? '-' : count(progress.ended.failedAgain),
    timeOf(progress.startedAtMs ?? plan.createdAtMs),
    printable(progress.stopped ?? ''),
  ]);
  const others = unreadable.map(({ path, why }) => [printable(basename(path)), '-', 'unreadable', '-', '-', '-', '-', printable(why)]);
  return lines(table([['plan', 'kind', 'state', 'done', 'loaded', 'failed again', 'since (UTC)', ''], ...rows, ...others]));
}

function goneLines(glyph: string, words: string, places: readonly string[]): string[] {
  if (places.length === 0) return [];
  const more = places.length > PLACES_MAX ? ` and ${count(places.length - PLACES_MAX)} more: see them with --json` : '';
  return [`${glyph} ${count(places.length)} ${words}: ${places.slice(0, PLACES_MAX).join(', ')}${more}`];
}

/** As a person may type it: the id where the file is named by it. */
function planName(path: string, { id }: Plan): string {
  return path.endsWith(`${id}.plan`) ? id : path;
}

/** Without control characters, escape sequences and marks of direction. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u00b7');
}

function timeOf(ms: number): string {
  return isoOf(ms)?.slice(0, 19).replace('T', ' ') ?? '-';
}

function count(number: number): string {
  return number.toLocaleString('en');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
