// Asks the checks of `gbx doctor`: each as soon as what it stands on has answered, all others at the same time, none longer
// than its limit. Results are told in the order of the list, each as early as that order lets it.
import { type Clock, LATE, withinTime } from '../clock.ts';
import { GbxError } from '../errors.ts';
import type { Area, Check, CheckResult, Finding } from './check.ts';

interface RunOptions {
  readonly clock: Clock;
  /** Longest answer of one check. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onResult: (result: CheckResult) => void;
}

/** @returns the results in the order of the checks. @throws {TypeError} where a check needs one that does not stand before it */
export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<readonly CheckResult[]> {
  const outcomes = new Map<string, Promise<Outcome>>();
  for (const check of checks) {
    const needs = check.needs.map((id) => {
      const need = outcomes.get(id);
      if (need === undefined) throw new TypeError(`${check.id} needs ${id}, which does not stand before it`);
      return need;
    });
    outcomes.set(check.id, settle(check, { needs, options }));
  }
  const results: CheckResult[] = [];
  for (const outcome of outcomes.values()) {
    const { result } = await outcome;
    options.onResult(result);
    results.push(result);
  }
  return results;
}

interface Outcome {
  readonly result: CheckResult;
  /** The check at the root of what stands on this one not being asked, and why: `kafka.dns failed`. */
  readonly cause: string;
}

interface SettleParts {
  readonly needs: readonly Promise<Outcome>[];
  readonly options: RunOptions;
}

async function settle(check: Check, { needs, options }: SettleParts): Promise<Outcome> {
  const { id, area } = check;
  const blocking = (await Promise.all(needs)).find(({ result: { state } }) => state !== 'ok' && state !== 'warn');
  if (blocking !== undefined) {
    const found = `not asked, as ${blocking.cause}`;
    return { result: { id, area, state: 'skipped', found, tookMs: 0 }, cause: blocking.cause };
  }
  const startedMs = options.clock.elapsed();
  const finding = await askWithin(check, options);
  return {
    result: { id, area, ...finding, tookMs: Math.round(options.clock.elapsed() - startedMs) },
    cause: `${id} ${CAUSES[finding.state]}`,
  };
}

const CAUSES = { ok: 'is ok', warn: 'warns', fail: 'failed', unknown: 'is unknown', skipped: 'is not used' } as const;

async function askWithin(check: Check, { clock, timeoutMs, signal }: RunOptions): Promise<Finding> {
  if (signal.aborted) return INTERRUPTED;
  const finding = await withinTime({ clock, ms: timeoutMs, signal }, (over) => asFinding(check, over));
  if (finding !== LATE) return finding;
  if (signal.aborted) return INTERRUPTED;
  return {
    state: 'fail',
    found: `no answer within ${timeoutMs / 1000} s`,
    todo: 'see whether what it asks is up, and not behind a firewall',
  };
}

const INTERRUPTED: Finding = { state: 'unknown', found: 'interrupted' };

async function asFinding(check: Check, signal: AbortSignal): Promise<Finding> {
  try {
    return await check.ask(signal);
  } catch (error) {
    if (error instanceof GbxError) return { state: 'fail', found: `${error.message} [${error.code}]`, todo: error.hint };
    const message = error instanceof Error ? error.message : String(error);
    return { state: 'unknown', found: `gbx could not find out: ${message}`, todo: 'this is a bug in gbx: please report it' };
  }
}

/** The checks of an area and all that they stand on, in the order of the list. */
export function selectArea(checks: readonly Check[], area: Area): readonly Check[] {
  const wanted = new Set<string>();
  for (const check of [...checks].reverse()) {
    if (check.area !== area && !wanted.has(check.id)) continue;
    wanted.add(check.id);
    for (const id of check.needs) wanted.add(id);
  }
  return checks.filter(({ id }) => wanted.has(id));
}

/** Whether the answer is no: something failed, or, strictly, is not known to be right. */
export function isBad(results: readonly CheckResult[], { strict }: { readonly strict: boolean }): boolean {
  return results.some(({ state }) => state === 'fail' || (strict && (state === 'warn' || state === 'unknown')));
}
