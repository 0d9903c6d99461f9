// Which dead letters are meant: what a person types, and whether a letter fits it.

import { GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { parsePlace } from '../verify/range.ts';
import type { Letter } from './letter.ts';

export interface LetterFilter {
  /** Failed at or after, and before: milliseconds since the Unix epoch. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly codes?: ReadonlySet<string>;
  /** Places in the dead-letter topic, from inclusive, to exclusive; none of these: no letter. */
  readonly places?: readonly { readonly partition: number; readonly from: bigint; readonly to: bigint }[];
  readonly key?: string;
  readonly experimentId?: string;
  readonly origin?: OriginWanted;
}

/** As much of an origin as was given. */
export interface OriginWanted {
  readonly topic: string;
  readonly partition?: number;
  readonly offset?: bigint;
}

/** The flags, as they were typed. */
export type FilterTexts = Readonly<Partial<Record<'since' | 'until' | 'code' | 'offset' | 'key' | 'experiment' | 'origin', string>>>;

/** @param nowMs what a duration is counted back from. @throws {GbxError} GBX_USAGE */
export function parseFilter(texts: FilterTexts, nowMs: number): LetterFilter {
  const { since, until, code, offset, key, experiment, origin } = texts;
  return {
    ...(since === undefined ? {} : { sinceMs: parseTime(since, '--since', nowMs) }),
    ...(until === undefined ? {} : { untilMs: parseTime(until, '--until', nowMs) }),
    ...(code === undefined ? {} : { codes: new Set(code.split(',').map((one) => one.trim())) }),
    ...(offset === undefined ? {} : { places: offset.split(',').map(parseStretch) }),
    ...(key === undefined ? {} : { key }),
    ...(experiment === undefined ? {} : { experimentId: experiment }),
    ...(origin === undefined ? {} : { origin: parseOriginWanted(origin) }),
  };
}

export function isMatch(
  filter: LetterFilter,
  letter: Letter,
  of: { readonly key: LogRecord['key']; readonly experimentId: string | undefined },
): boolean {
  const { sinceMs, untilMs, codes, places, key, experimentId, origin } = filter;
  if (sinceMs !== undefined && letter.failedAtMs < sinceMs) return false;
  if (untilMs !== undefined && letter.failedAtMs >= untilMs) return false;
  if (codes !== undefined && !codes.has(letter.code)) return false;
  if (
    places !== undefined &&
    !places.some(({ partition, from, to }) => letter.partition === partition && letter.offset >= from && letter.offset < to)
  )
    return false;
  if (key !== undefined && of.key?.toString() !== key) return false;
  if (experimentId !== undefined && of.experimentId !== experimentId) return false;
  return origin === undefined || isOrigin(origin, letter);
}

function isOrigin(wanted: OriginWanted, { origin }: Letter): boolean {
  if (wanted.topic !== origin.topic) return false;
  if (wanted.partition !== undefined && wanted.partition !== origin.partition) return false;
  return wanted.offset === undefined || wanted.offset === origin.offset;
}

function parseTime(text: string, flag: string, nowMs: number): number {
  const place = /^\d+$/u.test(text) ? undefined : parsePlace(text, { flag, nowMs });
  if (place?.kind === 'time') return place.ms;
  throw new GbxError('GBX_USAGE', `Cannot take ${flag} ${JSON.stringify(text)} for a time`, {
    hint: 'give a time (2026-01-31T12:00:00Z) or a time ago (90m, 6h, 2d)',
  });
}

const STRETCH = /^(\d{1,5}):(\d{1,18})(?:-(\d{1,18}))?$/u;

function parseStretch(text: string): { partition: number; from: bigint; to: bigint } {
  const [, partition, first, last] = STRETCH.exec(text.trim()) ?? [];
  if (partition === undefined || first === undefined) {
    throw new GbxError('GBX_USAGE', `Cannot take --offset ${JSON.stringify(text)} for places in the dead-letter topic`, {
      hint: 'give partition and offset, or first and last one: 0:120 or 0:120-180,1:7',
    });
  }
  return { partition: Number(partition), from: BigInt(first), to: BigInt(last ?? first) + 1n };
}

const ORIGIN = /^([a-zA-Z0-9._-]{1,249})(?:\/(\d{1,5})(?:\/(\d{1,18})(?:\/-?\d{1,16})?)?)?$/u;

/** @throws {GbxError} GBX_USAGE */
export function parseOriginWanted(text: string): OriginWanted {
  const [, topic, partition, offset] = ORIGIN.exec(text) ?? [];
  if (topic === undefined) {
    throw new GbxError('GBX_USAGE', `Cannot take ${JSON.stringify(text)} for an origin`, {
      hint: 'give a topic, with or without partition and offset: exposures/0/120',
    });
  }
  return {
    topic,
    ...(partition === undefined ? {} : { partition: Number(partition) }),
    ...(offset === undefined ? {} : { offset: BigInt(offset) }),
  };
}
