// Was each exposure loaded, once, as it was sent? Pure: what was sent against rows read back, in any order.
import type { StoredExposure } from '../exposure/stored.ts';
import type { SentExposure } from '../traffic/manifest.ts';
import { contentHash } from './content.ts';

export interface Comparison {
  /** Of those that were accepted or may be: exactly one row, with the same content. */
  readonly loaded: readonly string[];
  /** Accepted, and no row. */
  readonly missing: readonly string[];
  readonly doubled: readonly { readonly exposureId: string; readonly rows: number }[];
  /** A row, and other content. */
  readonly altered: readonly string[];
  /** Refused, and a row all the same. */
  readonly unexpected: readonly string[];
  /** Nobody knows whether they were accepted; no row, which is right too. */
  readonly unknownAbsent: readonly string[];
}

/** Rows with ids that were not sent are left aside. An exposure may be doubled and altered at once. */
export function compareSent(sent: readonly SentExposure[], rows: readonly StoredExposure[]): Comparison {
  const rowsById = groupById(rows);
  const found = sent.map((exposure) => ({ ...exposure, rows: rowsById.get(exposure.exposureId) ?? [] }));
  const isAltered = (exposure: Found): boolean => exposure.rows.some((row) => contentHash(row) !== exposure.contentHash);
  const isAbsent = ({ rows: own }: Found): boolean => own.length === 0;
  const idsWhere = (test: (exposure: Found) => boolean): string[] => found.filter(test).map(({ exposureId }) => exposureId);
  return {
    loaded: idsWhere((exposure) => exposure.outcome !== 'refused' && exposure.rows.length === 1 && !isAltered(exposure)),
    missing: idsWhere((exposure) => exposure.outcome === 'ok' && isAbsent(exposure)),
    doubled: found.filter(({ rows: own }) => own.length > 1).map(({ exposureId, rows: own }) => ({ exposureId, rows: own.length })),
    altered: idsWhere(isAltered),
    unexpected: idsWhere((exposure) => exposure.outcome === 'refused' && !isAbsent(exposure)),
    unknownAbsent: idsWhere((exposure) => exposure.outcome === 'unknown' && isAbsent(exposure)),
  };
}

/** Whether something is wrong that no waiting mends. */
export function isBroken({ doubled, altered, unexpected }: Comparison): boolean {
  return doubled.length + altered.length + unexpected.length > 0;
}

type Found = SentExposure & { readonly rows: readonly StoredExposure[] };

function groupById(rows: readonly StoredExposure[]): ReadonlyMap<string, readonly StoredExposure[]> {
  const groups = new Map<string, StoredExposure[]>();
  for (const row of rows) {
    const group = groups.get(row.exposureId);
    if (group === undefined) groups.set(row.exposureId, [row]);
    else group.push(row);
  }
  return groups;
}
