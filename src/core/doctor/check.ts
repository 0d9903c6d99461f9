// What `gbx doctor` asks, as data: a check has a name, what it stands on, and one question whose answer is a finding.
// run-checks.ts asks them; the files beside it hold them by area.

export const AREAS = ['runtime', 'config', 'kafka', 'warehouse', 'pipeline', 'clocks', 'spool'] as const;

export type Area = (typeof AREAS)[number];

/**
 * `ok`; `warn`: works, and will hurt one day; `fail`: does not work; `skipped`: not asked, as something it stands on failed or
 * is not used here; `unknown`: asked, and there is no telling.
 */
export type CheckState = 'ok' | 'warn' | 'fail' | 'skipped' | 'unknown';

export interface Finding {
  readonly state: CheckState;
  /** What was found, in a user's words. */
  readonly found: string;
  /** One next step, where there is one to take. */
  readonly todo?: string;
}

export interface Check {
  /** `<area>.<name>`. */
  readonly id: string;
  readonly area: Area;
  /** Ids of earlier checks that must be ok or warn for this one to be asked. */
  readonly needs: readonly string[];
  /** @throws {GbxError} which is a finding too. */
  readonly ask: (signal: AbortSignal) => Promise<Finding>;
}

export interface CheckResult extends Finding {
  readonly id: string;
  readonly area: Area;
  readonly tookMs: number;
}

export const ok = (found: string): Finding => ({ state: 'ok', found });
export const warn = (found: string, todo: string): Finding => ({ state: 'warn', found, todo });
export const fail = (found: string, todo: string): Finding => ({ state: 'fail', found, todo });
export const unknown = (found: string, todo?: string): Finding => ({ state: 'unknown', found, ...(todo === undefined ? {} : { todo }) });
/** Not used here. */
export const unused = (found: string): Finding => ({ state: 'skipped', found });

/** The worst of several findings about one thing, with the words of all that are as bad. */
export function worstOf(findings: readonly Finding[], otherwise: Finding): Finding {
  const state = (['fail', 'warn', 'unknown'] as const).find((bad) => findings.some((finding) => finding.state === bad));
  if (state === undefined) return otherwise;
  const worst = findings.filter((finding) => finding.state === state);
  const todo = worst.find((finding) => finding.todo !== undefined)?.todo;
  return { state, found: worst.map(({ found }) => found).join('; '), ...(todo === undefined ? {} : { todo }) };
}

/** `3 records`, `1 record`. */
export function plural(count: number | bigint, noun: string): string {
  return `${count} ${noun}${BigInt(count) === 1n ? '' : 's'}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
];

/** A length of time in the largest unit that gives at least 2 of it: `36 hours`, `7 days`. */
export function timeText(ms: number): string {
  const [size, noun] = UNITS.find(([unitMs]) => ms >= 2 * unitMs) ?? (ms >= 1_000 ? ([1_000, 'second'] as const) : ([1, 'ms'] as const));
  const count = Math.round(ms / size);
  return noun === 'ms' ? `${count} ms` : plural(count, noun);
}

/** `16 MB`: powers of ten, as the settings count. */
export function bytesText(bytes: number): string {
  const [size, noun] = bytes >= 1e9 ? [1e9, 'GB'] : bytes >= 1e6 ? [1e6, 'MB'] : bytes >= 1e3 ? [1e3, 'kB'] : [1, 'bytes'];
  return `${Math.round((bytes / size) * 10) / 10} ${noun}`;
}
