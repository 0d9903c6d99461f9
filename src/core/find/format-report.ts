// The answer of `gbx find` for people: where one exposure is, place by place; or a table of those that are listed. Whose they
// are stands there only where it was asked for.
import type { StoredExposure } from '../exposure/stored.ts';
import { formatDuration } from '../lag/format-duration.ts';
import { count, describeLooked, describeNotLooked, time } from './describe.ts';
import type { FindReport, Found } from './find.ts';
import type { Identity } from './match.ts';
import type { FindPlan } from './ports.ts';
import type { SeenRecord, SpooledRecord } from './trails.ts';
import { holdMs, isBad, type State, standingOf, type VerdictFacts } from './verdict.ts';

interface FormatOptions {
  /** Whether users, variations and attributes are to be shown. */
  readonly isContentShown: boolean;
}

const INDENT = ' '.repeat(16);
const GOOD: readonly State[] = ['loaded', 'loaded_again'];

export function formatFindReport(plan: FindPlan, report: FindReport, options: FormatOptions): string {
  const { exposures } = report;
  const body =
    plan.wanted.kind === 'id' ? exposures.flatMap((found) => formatOne(found, report, options)) : formatList(exposures, report, options);
  const looked = describeLooked(plan, report).map((line) => `looked at       ${line}`);
  const notLooked = describeNotLooked(plan, report).map((line) => `not looked at   ${line}`);
  const lines = [...body, ...looked, ...notLooked, formatEnd(plan, report)];
  return `${lines.map(printable).join('\n')}\n`;
}

function formatOne({ exposureId, trail, verdict }: Found, { facts }: FindReport, options: FormatOptions): string[] {
  const { spool, records, letters, rows, leftOut } = trail;
  const places: readonly [string, readonly string[]][] = [
    ['spool', spool.map((seen) => formatSpooled(seen, options))],
    ['topic', records.map((seen) => formatRecord(seen, facts, options))],
    ['dead letters', letters.map((seen) => formatLetter(seen, options))],
    ['table', rows.map((row) => formatRow(row, options))],
  ];
  const lines = places.flatMap(([name, texts]) => texts.map((text, at) => `${at === 0 ? name.padEnd(16) : INDENT}${text}`));
  if (leftOut > 0) lines.push(`${INDENT}and ${leftOut} more`);
  const head = `exposure        ${exposureId ?? ''}`;
  return verdict.state === 'not_found' ? [head] : [head, ...lines];
}

function formatSpooled({ file, acceptedMs, refusedReason, identity }: SpooledRecord, options: FormatOptions): string {
  const why = refusedReason === undefined ? '' : `: refused by Kafka, ${refusedReason}`;
  return `${file}, accepted ${time(acceptedMs)}${why}${formatContent(identity, options)}`;
}

function formatRecord(seen: SeenRecord, facts: VerdictFacts, options: FormatOptions): string {
  const { topic, partition, offset, origin, writtenMs, retryCount, notBeforeMs, invalid, identity } = seen;
  const copy = seen.isCopy ? `, copy of ${origin.topic}/${origin.partition} offset ${origin.offset} written ${time(writtenMs)}` : '';
  const retry = retryCount > 0 ? `, retry ${retryCount}` : '';
  const due = notBeforeMs === undefined ? '' : ` not before ${time(notBeforeMs)}`;
  const wrong = invalid === undefined ? '' : `, not valid: ${invalid.code} (${invalid.message})`;
  const { kind, by } = standingOf(seen, facts);
  const held = kind === 'waiting' && holdMs(seen, facts.nowMs) > 0 ? 'held, ' : '';
  const who = by === 'ledger' ? 'the ledger' : 'the group';
  const standing = { passed: `, ${who} has passed it`, waiting: `, ${held}${who} has not passed it`, unknown: '' }[kind];
  const accepted = `accepted ${time(origin.timestampMs)}`;
  return `${topic}/${partition} offset ${offset}, ${accepted}${copy}${retry}${due}${wrong}${standing}${formatContent(identity, options)}`;
}

function formatLetter(seen: SeenRecord, options: FormatOptions): string {
  const { topic, partition, offset, writtenMs, origin, failure, invalid, identity, isCopy } = seen;
  const { code, message } = failure ?? invalid ?? { code: 'no reason given', message: '' };
  const from = isCopy ? `, from ${origin.topic}/${origin.partition} offset ${origin.offset}, accepted ${time(origin.timestampMs)}` : '';
  const reason = `${code}${message === '' ? '' : ` (${message})`}`;
  return `${topic}/${partition} offset ${offset}, given up ${time(failure?.lastMs ?? writtenMs)}: ${reason}${from}${formatContent(identity, options)}`;
}

function formatRow(row: StoredExposure, options: FormatOptions): string {
  const attributes = options.isContentShown ? ` attributes ${row.attributes}` : '';
  const delay = row.createdAtMicros - row.tsMicros;
  const delayed = delay < 0 ? '' : `, load delay ${formatDuration(delay / 1000)}`;
  return `ts ${time(row.tsMicros / 1000)}, created_at ${time(row.createdAtMicros / 1000)}${delayed}${formatContent(row, options)}${attributes}`;
}

function formatContent(identity: Identity | undefined, { isContentShown }: FormatOptions): string {
  if (!isContentShown || identity === undefined) return '';
  const { dsUserId, experimentId, variationId } = identity;
  return `; user ${dsUserId}, experiment ${experimentId}, variation ${variationId}`;
}

function formatList(exposures: readonly Found[], { isCut }: FindReport, { isContentShown }: FormatOptions): string[] {
  if (exposures.length === 0) return [];
  const head = ['exposure', 'ts', 'experiment', ...(isContentShown ? ['variation', 'user'] : []), 'where'];
  const rows = exposures.map(
    ({
      exposureId,
      trail: {
        rows: [row],
        records,
        letters,
        spool,
      },
      verdict,
    }) => {
      const identity = row ?? [...records, ...letters, ...spool].find((seen) => seen.identity)?.identity;
      const shown = isContentShown ? [identity?.variationId ?? '-', identity?.dsUserId ?? '-'] : [];
      const ts = identity === undefined ? '-' : time(identity.tsMicros / 1000);
      return [exposureId ?? '(no id)', ts, identity?.experimentId ?? '-', ...shown, verdict.sentence];
    },
  );
  const table = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...table.map((cells) => cells[at]?.length ?? 0)));
  const lines = table.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return isCut ? [...lines, 'and more: see --limit'] : lines;
}

function formatEnd({ wanted }: FindPlan, { exposures }: FindReport): string {
  const [first] = exposures;
  if (wanted.kind === 'id' && first !== undefined) return `${glyph(first.verdict.state)} ${first.verdict.sentence}`;
  if (first === undefined) return '✗ none found in what was looked at';
  const bad = exposures.filter(({ verdict }) => isBad(verdict.state)).length;
  const listed = count(exposures.length, 'exposure');
  return bad === 0 ? `✓ ${listed}` : `✗ ${listed}, ${bad} of them doubled or missing`;
}

function glyph(state: State): string {
  if (GOOD.includes(state)) return '✓';
  return isBad(state) ? '✗' : '-';
}

/** Ids and messages come from anybody: nothing of them may steer a terminal. */
function printable(line: string): string {
  return line.replaceAll(/\p{Cc}/gu, '\u{fffd}');
}
