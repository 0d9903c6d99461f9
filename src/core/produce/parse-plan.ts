// What was typed after `gbx produce`, as a plan: rates, stages, bursts, shares. Every wrong text is a usage error that names
// its flag and shows what would be right. Called by src/commands/produce.ts.
import { GbxError } from '../errors.ts';
import type { Burst, Stage } from './schedule.ts';

const RATE_MAX = 1_000_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @param expected completes "it must be" */
export function wrongFlag(flag: string, text: string, expected: string): GbxError {
  return new GbxError('GBX_USAGE', `Cannot read ${flag} "${text}": it must be ${expected}`, { hint: 'gbx produce --help' });
}

/** `max`, or events per second: `500/s`, `30k/m`, `500`. */
export function parseRate(flag: string, text: string): number | 'max' {
  if (text === 'max') return 'max';
  return readRate(text) ?? fail(flag, text, `a number above 0 and up to ${RATE_MAX} a second, as in 500/s or 30k/m, or max`);
}

/** `100/s:30s,500/s:1m`; `0-500/s:10s` ramps. */
export function parseStages(flag: string, text: string): readonly Stage[] {
  const stages = text.split(',').map((part) => readStage(part.trim()) ?? fail(flag, text, STAGE_EXPECTED));
  if (stages.every(({ fromPerSecond, toPerSecond }) => fromPerSecond + toPerSecond === 0)) fail(flag, text, STAGE_EXPECTED);
  return stages;
}

const STAGE_EXPECTED = 'rates with their times, as in 100/s:30s,500/s:1m, or with a ramp 0-500/s:10s';

/** `200:2s`: so many more at once, every two seconds. */
export function parseBurst(flag: string, text: string): Burst {
  const [countText = '', everyText = '', ...more] = text.split(':');
  const count = readCount(countText);
  const everyMs = readDuration(everyText);
  if (!count || !everyMs || more.length > 0) return fail(flag, text, 'a number and a time, as in 200:2s for 200 more at once every 2 s');
  return { count, everyMs };
}

/** A part of all, 0 to 1: `2%`, `0.5%`, `0.02`. */
export function parseShare(flag: string, text: string): number {
  return readShare(text) ?? fail(flag, text, 'a part of all, as in 2%');
}

/** `1%`, or `1%:2h` with how far back. */
export function parseLate(flag: string, text: string): { readonly share: number; readonly lateMs: number } {
  const [shareText = '', lateText = '1h', ...more] = text.split(':');
  const share = readShare(shareText);
  const lateMs = readDuration(lateText);
  if (share === undefined || !lateMs || more.length > 0) return fail(flag, text, 'a part of all, as in 1%, or with how late, as in 1%:2h');
  return { share, lateMs };
}

function readStage(text: string): Stage | undefined {
  const at = text.lastIndexOf(':');
  const durationMs = readDuration(text.slice(at + 1));
  if (at < 0 || !durationMs) return undefined;
  const [, from, to] = /^([\d.]+k?)-([\d.]+k?(?:\/[sm])?)$/u.exec(text.slice(0, at)) ?? [];
  if (from === undefined || to === undefined) {
    const even = readRateFromZero(text.slice(0, at));
    return even === undefined ? undefined : { fromPerSecond: even, toPerSecond: even, durationMs };
  }
  const unit = /\/[sm]$/u.exec(to)?.[0] ?? '';
  const [fromPerSecond, toPerSecond] = [readRateFromZero(from + unit), readRateFromZero(to)];
  return fromPerSecond === undefined || toPerSecond === undefined ? undefined : { fromPerSecond, toPerSecond, durationMs };
}

function readRate(text: string): number | undefined {
  const rate = readRateFromZero(text);
  return rate === 0 ? undefined : rate;
}

function readRateFromZero(text: string): number | undefined {
  const [, digits, thousand, unit] = /^(\d{1,9}(?:\.\d{1,6})?)(k)?(?:\/([sm]))?$/u.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const rate = (Number(digits) * (thousand === undefined ? 1 : 1000)) / (unit === 'm' ? 60 : 1);
  return rate <= RATE_MAX ? rate : undefined;
}

/** Milliseconds of `500ms`, `10s`, `1h30m`, or seconds. */
export function readDuration(text: string): number | undefined {
  if (/^\d{1,9}(?:\.\d{1,3})?$/u.test(text)) return Number(text) * 1000;
  if (!/^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d))+$/u.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/gu)) ms += Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  return ms;
}

/** `1000`, `10k`, `2m`. */
function readCount(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,12})([km])?$/u.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * (unit === 'k' ? 1000 : unit === 'm' ? 1_000_000 : 1);
}

/** @throws {GbxError} GBX_USAGE unless it is a whole number from 1 up, as `1000`, `10k` or `2m` */
export function parseCount(flag: string, text: string): number {
  return readCount(text) || fail(flag, text, 'a whole number from 1 up, as in 1000, 10k or 2m');
}

function readShare(text: string): number | undefined {
  const [, digits, percent] = /^(\d{1,3}(?:\.\d{1,6})?)(%)?$/u.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const share = Number(digits) / (percent === undefined ? 1 : 100);
  return share <= 1 ? share : undefined;
}

function fail(flag: string, text: string, expected: string): never {
  throw wrongFlag(flag, text, expected);
}
