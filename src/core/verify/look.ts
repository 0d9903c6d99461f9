// Looks at the suspects of a pass: reads the topic (or the manifest) once more for their copies, also outside the range and
// beyond the ledger, asks the table for their rows, and enters what suspects.ts says into account and findings.
import { decodeRecord } from '../exposure/decode.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import type { StoredExposure } from '../exposure/stored.ts';
import type { SentOutcome } from '../traffic/manifest.ts';
import { contentHash } from './content.ts';
import { type Expected, idOfLetter } from './expect.ts';
import { ENTRIES_PER_ID, type Fingerprint, FLAG, fingerprintText, hashWho } from './id-table.ts';
import { whoseIs } from './judge.ts';
import type { PassContext } from './pass.ts';
import type { Stretch, TableSnapshot } from './ports.ts';
import { stretchesOf } from './range.ts';
import { scanManifest, scanStretches } from './scan.ts';
import { type Copy, type Examined, examine, examineSent, type Spot, whoKey } from './suspects.ts';

const DAY_MS = 86_400_000;
/** Different ones of one id. */
const COPIES_MAX = ENTRIES_PER_ID;
const IDS_PER_READ = 2_000;

interface Looked {
  readonly slot: number;
  exposureId: string | undefined;
  /** Of a record that is no exposure. */
  spot: Spot | undefined;
  readonly copies: Copy[];
  /** Places and contents of them: an equal one is kept once. */
  readonly known: Set<string>;
  hasMoreCopies: boolean;
  readonly entries: { readonly contentHash: string; readonly outcome: SentOutcome }[];
}

interface Looking {
  readonly expected: Expected;
  readonly snapshot: TableSnapshot;
  /** First entries of their ids. */
  readonly suspects: readonly number[];
}

export async function lookAtSuspects(context: PassContext, looking: Looking): Promise<void> {
  const { expected, suspects } = looking;
  const bySlot = new Map<number, Looked>(
    suspects.map((slot) => [
      slot,
      { slot, exposureId: undefined, spot: undefined, copies: [], known: new Set(), hasMoreCopies: false, entries: [] },
    ]),
  );
  const find = (id: Fingerprint): Looked | undefined => {
    const slot = expected.table.find(id);
    return slot !== -1 && ((expected.table.flags[slot] ?? 0) & FLAG.suspect) !== 0 ? bySlot.get(slot) : undefined;
  };
  await collectCopies(context, find, expected);
  const looked = [...bySlot.values()];
  for (let from = 0; from < looked.length; from += IDS_PER_READ) {
    context.deps.signal.throwIfAborted();
    context.deps.onProgress('looking at suspects', from, looked.length);
    await settle(context, looking, looked.slice(from, from + IDS_PER_READ));
  }
}

type Find = (id: Fingerprint) => Looked | undefined;

async function collectCopies(context: PassContext, find: Find, { table, seen }: Expected): Promise<void> {
  const { plan, deps, ranges, beginning } = context;
  const { topic } = plan.scope;
  if (plan.manifest !== undefined) {
    await scanManifest(plan.manifest(), {
      ...deps,
      onSent: ({ exposureId, contentHash, outcome }) => {
        const looked = find(fingerprintText(exposureId));
        if (looked === undefined) return;
        looked.exposureId = exposureId;
        looked.entries.push({ contentHash, outcome });
      },
    });
  }
  const take = (stretches: readonly Stretch[], placeOf: (record: LogRecord) => Copy['place']): Promise<void> =>
    scanStretches(deps.logs, stretches, {
      ...deps,
      step: 'reading the topic again, for suspects',
      onRecord: (record) => {
        const place = placeOf(record);
        const group = table.group(addCopy(find, record, { place, scope: plan.scope }));
        // Those of another share are not in the table.
        if (place !== 'range' || group.length === 0) return;
        beginning.note(
          record,
          group.some((slot) => (table.rows[slot] ?? 0) + (table.oddRows[slot] ?? 0) + (table.letter[slot] ?? 0) > 0),
        );
      },
    });
  if (plan.manifest === undefined) await take(stretchesOf(topic, ranges), () => 'range');
  const ledger = new Map(ranges.map((range) => [range.partition, range.ledger]));
  await take(await aroundRange(context, seen), (record) => (isPassed(record, ledger) ? 'outside' : 'waiting'));
  if (plan.retryTopic !== undefined) await takeRetries(context, plan.retryTopic, take);
}

function isPassed({ partition, offset }: LogRecord, ledger: ReadonlyMap<number, bigint | undefined>): boolean {
  return offset < (ledger.get(partition) ?? 0n);
}

/**
 * Where other copies of a suspect may stand: after the range to the log's end, and a day before it, for an exposure that was
 * sent again with another time. Of a manifest: what the ledger has not passed.
 */
async function aroundRange({ plan, deps, ranges }: PassContext, { firstMs }: Expected['seen']): Promise<readonly Stretch[]> {
  const { topic } = plan.scope;
  if (plan.manifest !== undefined) {
    return ranges.map(({ partition, ledger, start, end }) => ({ topic, partition, from: ledger ?? start, to: end })).filter(isNotEmpty);
  }
  const isPart = ranges.some(({ from, start }) => from > start);
  const dayBefore = isPart && Number.isFinite(firstMs) && firstMs > DAY_MS ? await deps.logs.offsetsAt(topic, firstMs - DAY_MS) : undefined;
  return ranges
    .flatMap(({ partition, start, from, to, end }) => [
      { topic, partition, from: later(dayBefore?.get(partition) ?? start, start), to: from },
      { topic, partition, from: to, to: end },
    ])
    .filter(isNotEmpty);
}

function isNotEmpty({ from, to }: Stretch): boolean {
  return from < to;
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

type Take = (stretches: readonly Stretch[], placeOf: (record: LogRecord) => Copy['place']) => Promise<void>;

/** The retry topic has a ledger of its own, where somebody loads it. */
async function takeRetries({ plan, deps }: PassContext, topic: string, take: Take): Promise<void> {
  const rows = await deps.warehouse.readLedger({ ...plan.scope, topic });
  const ledger = new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset]));
  const found = (await deps.logs.ranges(topic)) ?? [];
  const stretches = found.map(({ partition, start, end }) => ({ topic, partition, from: start, to: end })).filter(isNotEmpty);
  await take(stretches, (record) => (isPassed(record, ledger) ? 'outside' : 'waiting'));
}

/** @returns its id */
function addCopy(
  find: Find,
  record: LogRecord,
  { place, scope }: { readonly place: Copy['place']; readonly scope: PassContext['plan']['scope'] },
): Fingerprint {
  const decoded = decodeRecord(record, scope);
  const spot = { partition: record.partition, offset: record.offset };
  const id = decoded.kind === 'invalid' ? idOfLetter(record, scope) : fingerprintText(decoded.exposure.exposureId);
  const looked = find(id);
  if (looked === undefined) return id;
  if (decoded.kind === 'invalid') {
    looked.spot ??= spot;
    return id;
  }
  const { exposure } = decoded;
  looked.exposureId = exposure.exposureId;
  const key = `${place} ${contentHash(exposure)}`;
  if (looked.known.has(key)) return id;
  if (looked.copies.length < COPIES_MAX) {
    looked.known.add(key);
    looked.copies.push({ exposure, spot, place });
  } else looked.hasMoreCopies = true;
  return id;
}

async function settle(context: PassContext, { expected, snapshot }: Looking, looked: readonly Looked[]): Promise<void> {
  const ids = looked.flatMap(({ exposureId }) => exposureId ?? []);
  const rows = new Map<string, StoredExposure[]>();
  for (const row of ids.length === 0 ? [] : await snapshot.rowsByIds(ids)) {
    const known = rows.get(row.exposureId);
    if (known === undefined) rows.set(row.exposureId, [row]);
    else known.push(row);
  }
  for (const one of looked) {
    const own = rows.get(one.exposureId ?? '') ?? [];
    const examined = judgeOne(context, expected, { looked: one, rows: own });
    context.account.add(examined.fate, whoseIs(expected, one.slot));
    enter(context, { looked: one, examined, rows: own.length });
  }
}

interface Judged {
  readonly looked: Looked;
  readonly rows: readonly StoredExposure[];
}

function judgeOne({ plan }: PassContext, { table, codes }: Expected, { looked, rows }: Judged): Examined {
  const { exposureId, copies, entries, slot } = looked;
  // A record that is no exposure, and no dead letter of it.
  if (exposureId === undefined) return { fate: { kind: 'missing' }, alteredFields: [] };
  const group = table.group(table.idAt(slot));
  if (plan.manifest !== undefined) {
    const code = group.map((entry) => table.letter[entry] ?? 0).find((number) => number !== 0);
    const letterCode = code === undefined ? undefined : codes.name(code);
    return examineSent({ entries, letterCode, isWaiting: copies.some(({ place }) => place === 'waiting') }, rows);
  }
  const letters = new Map<string, string>();
  for (const { exposure } of copies) {
    const who = hashWho(exposure);
    const code = group
      .filter((entry) => table.who[entry] === who)
      .map((entry) => table.letter[entry] ?? 0)
      .find((number) => number !== 0);
    if (code !== undefined) letters.set(whoKey(exposure), codes.name(code));
  }
  return examine({ exposureId, copies, letters, hasMoreCopies: looked.hasMoreCopies }, rows);
}

function enter(
  { findings }: PassContext,
  { looked, examined, rows }: { readonly looked: Looked; readonly examined: Examined; readonly rows: number },
): void {
  const { fate, alteredFields } = examined;
  const { exposureId, copies } = looked;
  const [copy] = copies;
  if (fate.kind === 'missing') {
    const spot = looked.spot ?? copy?.spot;
    findings.add(findings.missing, {
      ...{ exposureId, partition: spot?.partition, offset: spot?.offset, experimentId: copy?.exposure.experimentId },
    });
  }
  if (exposureId === undefined) return;
  if (fate.isDoubled) findings.add(findings.doubled, { exposureId, rows });
  if (fate.isAltered) findings.add(findings.altered, { exposureId, fields: alteredFields });
  if (fate.kind === 'unexpected') findings.add(findings.phantom, exposureId);
  if (fate.kind === 'waiting') findings.add(findings.waiting, exposureId);
}
