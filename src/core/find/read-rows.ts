// The rows of the table: by the id that is wanted; else those of the user or experiment, and those of what was seen on the way
// there. Called by find.ts last, after the ledger.
import type { StoredExposure } from '../exposure/stored.ts';
import type { Look } from './look.ts';
import type { FindWarehouse } from './ports.ts';
import type { Trail } from './trails.ts';

const DAY_MICROS = 86_400_000_000;
const ROWS_PER_EXPOSURE = 20;

export async function readRows(look: Look, warehouse: FindWarehouse): Promise<void> {
  const { wanted } = look.plan;
  look.deps.onProgress('reading the table', 0, undefined);
  if (wanted.kind === 'id') addRows(look, await warehouse.byId(wanted.exposureId));
  else await readCandidates(look, warehouse, wanted);
  look.isTableSeen = true;
}

interface Who {
  readonly dsUserId: string | undefined;
  readonly experimentId: string | undefined;
}

async function readCandidates(look: Look, warehouse: FindWarehouse, { dsUserId, experimentId }: Who): Promise<void> {
  const { plan, begin, deps, trails } = look;
  const nowMicros = deps.clock.now() * 1000;
  const newest = await warehouse.candidates({
    ...(dsUserId === undefined ? {} : { dsUserId }),
    ...(experimentId === undefined ? {} : { experimentId }),
    fromMicros: begin.rowsFromMs * 1000,
    toMicros: nowMicros + 2 * DAY_MICROS,
    // One more tells that there are more.
    rowsMax: plan.limit + 1,
  });
  const onTheWay = trails.all().filter(({ exposureId }) => exposureId !== undefined);
  const ids = new Set([...newest, ...onTheWay].flatMap(({ exposureId }) => exposureId ?? []));
  if (ids.size === 0) return;
  // Each with all its rows: one that is doubled may have the other row before the range.
  const sinceMicros = Math.min(begin.rowsFromMs * 1000, ...onTheWay.map(oldestMicros)) - DAY_MICROS;
  addRows(look, await warehouse.byIds([...ids], { sinceMicros, rowsMax: ids.size * ROWS_PER_EXPOSURE }));
}

function oldestMicros({ records, letters, spool }: Trail): number {
  return Math.min(...[...records, ...letters, ...spool].map(({ identity }) => identity?.tsMicros ?? Number.POSITIVE_INFINITY));
}

function addRows({ trails }: Look, rows: readonly StoredExposure[]): void {
  const byId = new Map<string, StoredExposure[]>();
  for (const row of rows) {
    const known = byId.get(row.exposureId);
    if (known === undefined) byId.set(row.exposureId, [row]);
    else known.push(row);
  }
  for (const [exposureId, own] of byId) trails.of(exposureId, exposureId).rows = own;
}
