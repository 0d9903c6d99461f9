// `gbx verify`: was everything in a range, or everything a manifest lists, loaded exactly once? Reads the ledger first, so
// that whatever it has passed must be found by everything that is read afterwards, while consumers go on loading.
import { GbxError } from '../errors.ts';
import type { LedgerScope } from '../load/ports.ts';
import { type Account, createAccount } from './account.ts';
import { createBeginning } from './beginning.ts';
import { createFindings, type Findings } from './findings.ts';
import { type PassContext, type PassResult, runPass } from './pass.ts';
import type { PhantomDoubt, VerifyDeps, VerifyPlan } from './plan.ts';
import { countOffsets, type PartitionRange, resolveRange, stretchesOf } from './range.ts';
import { type LettersSeen, scanManifest } from './scan.ts';

export interface VerifyReport {
  readonly kind: 'done';
  /** Nothing missing, doubled, altered or phantom. */
  readonly isExact: boolean;
  readonly runId: string | undefined;
  readonly ranges: readonly PartitionRange[];
  readonly records: number;
  readonly invalidRecords: number;
  readonly account: Account;
  readonly findings: Findings;
  readonly letters: LettersSeen;
  /** Rows of the days that were read that nothing accounts for; a doubt: they may be from elsewhere. */
  readonly strangeRows: number;
  readonly phantomDoubt: PhantomDoubt | undefined;
  /** Too many to look at each: counted as what they look like. */
  readonly unexamined: number;
  /** Records of ids that have more different ones than are kept: not judged. */
  readonly crowded: number;
  /** By partition, where loading may have begun: all that is missing lies before. Undefined: nothing speaks for it. */
  readonly mayHaveBegunAt: ReadonlyMap<number, bigint> | undefined;
  readonly passes: number;
  readonly durationMs: number;
}

const ENTRIES_MAX = 2_000_000;

/** @throws {GbxError} where it could not be answered; nothing is written anywhere */
export async function verify(plan: VerifyPlan, deps: VerifyDeps): Promise<VerifyReport | { readonly kind: 'interrupted' }> {
  const startedMs = deps.clock.elapsed();
  try {
    const report = await answer(plan, deps);
    return { ...report, durationMs: deps.clock.elapsed() - startedMs };
  } catch (error) {
    if (deps.signal.aborted) return { kind: 'interrupted' };
    throw error;
  }
}

async function answer(plan: VerifyPlan, deps: VerifyDeps): Promise<Omit<VerifyReport, 'durationMs'>> {
  const { runId, count } = await checkManifest(plan, deps);
  const ranges = await findRanges(plan, deps);
  const total = count ?? countOffsets(stretchesOf(plan.scope.topic, ranges));
  const entriesMax = plan.entriesMax ?? ENTRIES_MAX;
  const passes = Math.max(1, Math.ceil(total / entriesMax));
  const account = createAccount();
  const findings = createFindings(plan.idsMax);
  const beginning = createBeginning();
  const context: PassContext = {
    ...{ plan, deps, ranges, account, findings, total, beginning },
    // Shares of a hash are not quite even.
    entriesMax: Math.ceil((total / passes) * 1.05) + 20_000,
    phantomDoubt: await doubtPhantoms(plan, deps, ranges),
  };
  const results: PassResult[] = [];
  for (let pass = 0; pass < passes; pass++) results.push(await runPass(context, { pass, passes }));
  const [first] = results;
  if (first === undefined) throw new RangeError('a verification without a pass');

  const { missing, doubled, altered, unexpected } = account.totals;
  if (first.letters.kind === 'unreadable' && missing > 0) throw cannotTell(first.letters.error, missing);
  const phantomDoubt = results.find((one) => one.phantomDoubt !== undefined)?.phantomDoubt;
  const sum = (of: (one: PassResult) => number): number => results.reduce((total, one) => total + of(one), 0);
  const strangeRows = sum((one) => one.strangeRows);
  const lost = ranges.reduce((total, { expiredUnloaded }) => total + Number(expiredUnloaded), 0);
  const isWhole = plan.from === undefined && plan.manifest === undefined && results.every((one) => one.hasLooked);
  const phantoms = unexpected + (phantomDoubt === undefined ? strangeRows : 0);
  return {
    kind: 'done',
    isExact: [missing, doubled, altered, phantoms, plan.manifest === undefined ? lost : 0].every((number) => number === 0),
    ...{ runId, ranges, account, findings, strangeRows, phantomDoubt, passes },
    records: first.records,
    invalidRecords: first.invalidRecords,
    letters: first.letters,
    unexamined: sum((one) => one.unexamined),
    crowded: sum((one) => one.crowded),
    mayHaveBegunAt: isWhole && missing > 0 ? beginning.places(ranges) : undefined,
  };
}

/** Before anything long: a manifest that is torn is told of at once. */
async function checkManifest(
  { manifest, manifestHead }: VerifyPlan,
  deps: VerifyDeps,
): Promise<{ runId: string | undefined; count: number | undefined }> {
  if (manifest === undefined) return { runId: undefined, count: undefined };
  const { runId, count } = manifestHead ?? (await scanManifest(manifest(), { ...deps, onSent: () => undefined }));
  return { runId, count };
}

async function findRanges({ scope, from, to, manifest }: VerifyPlan, { logs, warehouse }: VerifyDeps): Promise<readonly PartitionRange[]> {
  const { topic, group } = scope;
  const rows = await warehouse.readLedger(scope);
  const found = await logs.ranges(topic);
  if (found === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Cannot verify ${topic} as there is no such topic`);
  if (rows.length === 0 && manifest === undefined) {
    const others = (await warehouse.ledgerScopes()).map(
      (other) => `group ${other.group} with topic ${other.topic} of cluster ${other.clusterId}`,
    );
    throw new GbxError('GBX_CONFIG', `Cannot verify ${topic} as the ledger knows nothing of it for the group ${group}`, {
      hint: `give the group of gbx consume (GBX_CONSUMER_GROUP) and its brokers; the ledger knows: ${others.slice(0, 5).join(', ') || 'nobody yet'}`,
    });
  }
  const ledger = new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset]));
  const logsInOrder = [...found].sort((one, other) => one.partition - other.partition);
  const offsetsAt = (asked: string, ms: number): Promise<ReadonlyMap<number, bigint>> => logs.offsetsAt(asked, ms);
  return resolveRange({ topic, from, to }, { logs: logsInOrder, ledger, offsetsAt });
}

/** A row is a phantom only where everything it could come from is seen: the whole topic, and no other pipeline. */
async function doubtPhantoms(
  { manifest, from, to, scope, retryTopic }: VerifyPlan,
  { warehouse }: VerifyDeps,
  ranges: readonly PartitionRange[],
): Promise<PhantomDoubt | undefined> {
  if (manifest !== undefined) return 'manifest';
  if (from !== undefined || to !== undefined) return 'part of the topic';
  if (ranges.some(({ start }) => start > 0n)) return 'expired records';
  const topics = [scope.topic, retryTopic];
  const isOurs = (other: LedgerScope): boolean =>
    other.clusterId === scope.clusterId && other.group === scope.group && topics.includes(other.topic);
  return (await warehouse.ledgerScopes()).every(isOurs) ? undefined : 'other ledgers';
}

function cannotTell(error: GbxError, missing: number): GbxError {
  return new GbxError(error.code, `Cannot tell whether ${missing} exposures that are not in the table are dead letters: ${error.message}`, {
    cause: error,
    hint: error.hint,
  });
}
