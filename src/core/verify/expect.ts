// What must be in the table after a pass over the topic or a manifest, and which of it is among the dead letters. A pass looks
// at one part of the ids, so that a range of any size fits into bounded memory.
import { decodeRecord } from '../exposure/decode.ts';
import type { Exposure, LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { originOf } from '../exposure/origin.ts';
import type { SentExposure } from '../traffic/manifest.ts';
import { contentHash } from './content.ts';
import { createIdTable, type Fingerprint, FLAG, fingerprintOf, fingerprintText, hashWho, type IdTable } from './id-table.ts';

/** The part of the ids that a pass looks at. */
export interface Share {
  readonly pass: number;
  readonly passes: number;
}

/** Where records are read from: ids that are derived depend on it. */
export interface RecordPlace {
  readonly clusterId: string;
  readonly topic: string;
}

/** Names as small numbers from 1; those beyond the limit share the last one. */
export interface Names {
  number(name: string): number;
  name(number: number): string;
}

export interface Expected {
  readonly table: IdTable;
  readonly experiments: Names;
  readonly codes: Names;
  /** Exposures by day of their `ts`. */
  readonly days: Map<number, number>;
  readonly seen: {
    records: number;
    invalid: number;
    /** The earliest of Kafka's timestamps; infinite while there was none. */
    firstMs: number;
  };
  /** Letters of these are no excuse for another exposure of the id. */
  readonly reusedCode: number;
}

const DAY_MICROS = 86_400_000_000;
const EXPERIMENTS_MAX = 10_000;
const CODES_MAX = 200;
const NO_CONTENT: Fingerprint = { high: 0, low: 0 };
/** Stands for a manifest's entries, which have none. */
export const NO_PARTITION = 65_535;

export function createExpected(entriesMax: number): Expected {
  const codes = createNames(CODES_MAX);
  return {
    table: createIdTable(entriesMax),
    experiments: createNames(EXPERIMENTS_MAX),
    codes,
    days: new Map(),
    seen: { records: 0, invalid: 0, firstMs: Number.POSITIVE_INFINITY },
    reusedCode: codes.number('GBX_ID_REUSED'),
  };
}

function createNames(max: number): Names {
  const numbers = new Map<string, number>();
  const names = [''];
  return {
    number(name) {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      if (names.length >= max) return max;
      names.push(name);
      numbers.set(name, names.length - 1);
      return names.length - 1;
    },
    name: (number) => names[number] ?? 'others',
  };
}

/** Whether this pass looks at the id. The low bits choose the slot in the table, so the high ones choose the pass. */
export function isInShare({ high }: Fingerprint, { pass, passes }: Share): boolean {
  return passes === 1 || high % passes === pass;
}

/** A record of the range: the ledger had passed it before anything else was read. */
export function expectRecord(
  { table, seen, days, experiments }: Expected,
  record: LogRecord,
  { place, share }: { readonly place: RecordPlace; readonly share: Share },
): void {
  const decoded = decodeRecord(record, place);
  seen.records++;
  seen.firstMs = Math.min(seen.firstMs, record.timestampMs);
  if (decoded.kind === 'invalid') {
    seen.invalid++;
    const id = idOfLetter(record, place);
    if (!isInShare(id, share)) return;
    table.add({ id, content: NO_CONTENT, who: 0, partition: record.partition, experiment: 0, flags: FLAG.letter });
    return;
  }
  const { exposure } = decoded;
  const day = Math.floor(exposure.tsMicros / DAY_MICROS);
  days.set(day, (days.get(day) ?? 0) + 1);
  const id = fingerprintText(exposure.exposureId);
  if (!isInShare(id, share)) return;
  table.add({
    id,
    content: fingerprintOf(contentHash(exposure)),
    who: hashWho(exposure),
    partition: record.partition,
    experiment: experiments.number(exposure.experimentId),
    flags: FLAG.must,
  });
}

const OUTCOME_FLAGS = { ok: FLAG.must, unknown: FLAG.may, refused: 0 } as const;

/** An entry of a manifest. */
export function expectSent(expected: Expected, { exposureId, contentHash: content, outcome }: SentExposure, share: Share): void {
  expected.seen.records++;
  const id = fingerprintText(exposureId);
  if (!isInShare(id, share)) return;
  const flags = OUTCOME_FLAGS[outcome];
  expected.table.add({ id, content: fingerprintOf(content), who: 0, partition: NO_PARTITION, experiment: 0, flags });
}

/**
 * A record of the dead letters: known by its exposure, or, where it is none, by where it was first written.
 * @param options.isSent entries are a manifest's: they do not say whose exposure it was
 */
export function noteLetter(
  expected: Expected,
  record: LogRecord,
  { place, share, isSent }: { readonly place: RecordPlace; readonly share: Share; readonly isSent: boolean },
): void {
  const { table, codes } = expected;
  const header = record.headers[HEADERS.errorCode];
  const code = codes.number(header === undefined ? 'without a reason' : String(header).slice(0, 64));
  const decoded = decodeRecord(record, place);
  const id = decoded.kind === 'invalid' ? idOfLetter(record, place) : fingerprintText(decoded.exposure.exposureId);
  if (!isInShare(id, share)) return;
  const who = decoded.kind === 'invalid' ? 0 : isSent ? 0 : hashWho(decoded.exposure);
  for (const slot of table.group(id)) if (table.who[slot] === who) table.letter[slot] = code;
}

/** A key that no exposure id can have. */
export function idOfLetter(record: LogRecord, { topic }: RecordPlace): Fingerprint {
  const { topic: from, partition, offset } = originOf(record, topic);
  return fingerprintText(`\0${from}/${partition}/${offset}`);
}

/** A row of the table. @returns false where nothing of this pass has its id */
export function noteRow({ table }: Expected, row: Exposure, share: Share): 'known' | 'unknown' | 'not-mine' {
  const id = fingerprintText(row.exposureId);
  if (!isInShare(id, share)) return 'not-mine';
  return table.countRow(id, () => fingerprintOf(contentHash(row))) ? 'known' : 'unknown';
}
