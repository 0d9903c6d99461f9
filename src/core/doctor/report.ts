// What `gbx doctor` found, for people, line by line as it comes, and for programs, as one document.
import { type Area, type CheckResult, type CheckState, plural } from './check.ts';

/** Beside every colour stands a glyph: colour alone says nothing to a pipe, nor to everybody. */
const GLYPHS: Readonly<Record<CheckState, string>> = { ok: '✓', warn: '!', fail: '✗', skipped: '-', unknown: '?' };
const TITLES: Readonly<Record<Area, string>> = {
  runtime: 'This machine',
  config: 'Settings',
  kafka: 'Kafka',
  warehouse: 'Warehouse',
  pipeline: 'Pipeline',
  clocks: 'Clocks',
  spool: 'Spool',
};
const NAME_WIDTH = 18;

/** Writes a text in the colour of a state. */
export type Paint = (state: CheckState, text: string) => string;

/** Lines of one result, and above it the title of its area where that begins. */
export function formatResult(result: CheckResult, previous: CheckResult | undefined, paint: Paint): string {
  const { id, area, state, found, todo } = result;
  const name = id.slice(area.length + 1).replaceAll('_', ' ');
  const lines = area === previous?.area ? [] : [`${previous === undefined ? '' : '\n'}${TITLES[area]}`];
  lines.push(`  ${paint(state, GLYPHS[state])} ${name.padEnd(NAME_WIDTH)} ${found}`);
  if (todo !== undefined && state !== 'ok') lines.push(`    ${' '.repeat(NAME_WIDTH)} try: ${todo}`);
  return `${lines.join('\n')}\n`;
}

export function formatSummary(results: readonly CheckResult[]): string {
  const counts = countStates(results);
  const words = { ok: 'ok', warn: 'to watch', fail: 'failed', skipped: 'not asked', unknown: 'unknown' };
  const parts = (['ok', 'warn', 'fail', 'skipped', 'unknown'] as const).flatMap((state) =>
    counts[state] === 0 ? [] : [`${counts[state]} ${words[state]}`],
  );
  return `\n${plural(results.length, 'check')}: ${parts.join(', ')}\n`;
}

function countStates(results: readonly CheckResult[]): Record<CheckState, number> {
  const counts: Record<CheckState, number> = { ok: 0, warn: 0, fail: 0, skipped: 0, unknown: 0 };
  for (const { state } of results) counts[state] += 1;
  return counts;
}

interface DoctorDocument {
  readonly schema: 'gbx.doctor/1';
  /** Whether the exit code is 0. */
  readonly healthy: boolean;
  readonly gbx: string;
  readonly at: string;
  readonly counts: Readonly<Record<CheckState, number>>;
  readonly checks: readonly {
    readonly id: string;
    readonly area: Area;
    readonly state: CheckState;
    readonly found: string;
    readonly todo: string | null;
    readonly tookMs: number;
  }[];
}

interface DocumentFacts {
  readonly healthy: boolean;
  readonly version: string;
  readonly nowMs: number;
}

export function toDocument(results: readonly CheckResult[], { healthy, version, nowMs }: DocumentFacts): DoctorDocument {
  return {
    schema: 'gbx.doctor/1',
    healthy,
    gbx: version,
    at: new Date(nowMs).toISOString(),
    counts: countStates(results),
    checks: results.map(({ id, area, state, found, todo, tookMs }) => ({ id, area, state, found, todo: todo ?? null, tookMs })),
  };
}
