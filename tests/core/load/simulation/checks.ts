// What must hold at every commit, and at the end.
import { decodeRecord } from '../../../../src/core/exposure/decode.ts';
import type { LogRecord } from '../../../../src/core/exposure/exposure.ts';
import { PLACE, type World } from './world.ts';

/** At every commit: whatever the ledger has passed is in the table or in the dead letters. */
export function checkAccounted(world: World): void {
  const inTable = new Map(world.table.map((row) => [row.exposureId, row]));
  for (const row of world.ledger.values()) {
    for (const record of (world.log[row.partition] ?? []).slice(0, Number(row.nextOffset))) {
      const decoded = decodeRecord(record, PLACE);
      const stored = decoded.kind === 'exposure' ? inTable.get(decoded.exposure.exposureId) : undefined;
      const isStored = decoded.kind === 'exposure' && stored?.dsUserId === decoded.exposure.dsUserId;
      if (!isStored && !world.letters.has(identityOf(record))) world.violations.push(`lost: ${record.partition}/${record.offset}`);
    }
  }
}

/** A copy of an exposure that was given up is given up with it. */
export function identityOf(record: LogRecord): string {
  const decoded = decodeRecord(record, PLACE);
  return decoded.kind === 'exposure'
    ? `${decoded.exposure.exposureId} of ${decoded.exposure.dsUserId}`
    : `${record.partition}/${record.offset}`;
}

export function isDrained(world: World): boolean {
  return world.log.every(
    (records, partition) => records.length === 0 || Number(world.ledger.get(partition)?.nextOffset ?? 0) === records.length,
  );
}

export function checkEnd(world: World): void {
  checkAccounted(world);
  const counts = new Map<string, number>();
  for (const row of world.table) counts.set(row.exposureId, (counts.get(row.exposureId) ?? 0) + 1);
  for (const [id, count] of counts) if (count > 1) world.violations.push(`doubled: ${id} stands ${count} times`);
}
