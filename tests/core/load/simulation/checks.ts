// What must hold at every step, and at the end. The checks know more than the program: what was sent, and what the table
// refuses; they blame, and the seed has failed.
import { decodeRecord } from '../../../../src/core/exposure/decode.ts';
import type { Exposure, LogRecord } from '../../../../src/core/exposure/exposure.ts';
import type { DeadLetter, LedgerStep, RequeuedRecord } from '../../../../src/core/load/ports.ts';
import { contentOf } from '../../../../src/core/load/refusals.ts';
import { isCopy, retryCountOf } from '../../../../src/core/load/retry-headers.ts';
import type { Process } from './process.ts';
import { rootOf } from './topic.ts';
import { blame, note, SCOPE, type Sent, type World } from './world.ts';

/** At a commit: what the ledger passes is in the table, in the dead letters, or written again behind it. */
export function checkPassed(world: World, { partition, from, to }: LedgerStep): void {
  const log = world.log[partition];
  if (log === undefined || log.isAnother) return;
  for (let offset = Number(from); offset < Number(to); offset++) {
    const record = log.entries[offset];
    const sent = record === undefined ? undefined : world.sent[rootOf(record)];
    if (sent === undefined || isAccounted(world, sent)) continue;
    if (log.entries.some((other, at) => at > offset && other !== undefined && rootOf(other) === sent.root)) continue;
    blame(world, `lost: the ledger passed ${partition}/${offset} (${nameOf(sent)})`);
  }
}

function isAccounted({ table, letters }: World, { root, exposure, isExpired }: Sent): boolean {
  if (isExpired || letters.has(root)) return true;
  return exposure !== undefined && table.get(exposure.exposureId)?.dsUserId === exposure.dsUserId;
}

function nameOf({ root, exposure }: Sent): string {
  return `${root}: ${exposure?.exposureId ?? 'invalid'}`;
}

/** Of copies: bytes, key and origin are those of the first time. */
function checkCopy(world: World, record: LogRecord, what: string): Sent | undefined {
  const sent = world.sent[rootOf(record)];
  if (sent === undefined || record.value === null || sent.record.value?.equals(record.value) !== true) {
    blame(world, `${what} with other bytes: ${record.partition}/${record.offset}`);
    return undefined;
  }
  const decoded = decodeRecord(record, SCOPE);
  const content = decoded.kind === 'exposure' ? contentOf(decoded.exposure) : undefined;
  if (content !== (sent.exposure && contentOf(sent.exposure))) blame(world, `${what} decodes otherwise: ${nameOf(sent)}`);
  return sent;
}

export function checkRequeue(world: World, process: Process, requeued: RequeuedRecord): void {
  const { record } = requeued;
  const sent = checkCopy(world, record, 'requeued');
  if (sent === undefined) return;
  if (requeued.kind === 'not-due') {
    if (!isCopy(record)) blame(world, `written again as not due, and is no copy: ${nameOf(sent)}`);
    return;
  }
  if (sent.exposure === undefined) blame(world, `to be tried again, and is no exposure: ${nameOf(sent)}`);
  if (requeued.retryCount > world.maxRetries) blame(world, `retry ${requeued.retryCount} of ${world.maxRetries}: ${nameOf(sent)}`);
  if (requeued.retryCount !== retryCountOf(record, world.maxRetries) + 1) blame(world, `a retry that is not the next: ${nameOf(sent)}`);
  checkRefused(world, process, sent);
  if (retriesOf(world, record) >= world.maxRetries) blame(world, `tried again once more than allowed: ${nameOf(sent)}`);
}

/** Of this very record, from copy to copy; unknown where it may have stood in the topic that was there before. */
export function retriesOf({ retries, log }: World, { partition, offset }: LogRecord): number {
  return log[partition]?.isAnother === true ? 0 : (retries.get(`${partition}/${offset}`) ?? 0);
}

export function checkLetter(world: World, process: Process, { record, code, message }: DeadLetter): void {
  const sent = checkCopy(world, record, 'dead-lettered');
  if (sent === undefined) return;
  const { exposure } = sent;
  if (code === 'GBX_ID_REUSED') {
    const others = world.sent.filter((other) => other.exposure?.exposureId === exposure?.exposureId);
    if (new Set(others.map((other) => other.exposure?.dsUserId)).size < 2)
      blame(world, `dead-lettered as reused, and is not: ${nameOf(sent)}`);
  } else if (code !== 'GBX_ROW_REFUSED') {
    if (exposure !== undefined) blame(world, `dead-lettered as invalid, and is not: ${nameOf(sent)}`);
  } else {
    checkRefused(world, process, sent);
    const isAtOnce = retryCountOf(record, world.maxRetries) < world.maxRetries && !message.includes('too large');
    if (isAtOnce) checkAllowance(world, process, sent);
  }
}

/** Only rows that the table refused by themselves are requeued or given up, and none where it refuses too much. */
function checkRefused(world: World, { name, search, allowance }: Process, sent: Sent): void {
  const id = sent.exposure?.exposureId ?? '';
  if (!world.refusedAlone.has(id)) blame(world, `${name} blames a row that was never refused alone: ${nameOf(sent)}`);
  if (search?.mustHold === undefined || search.atMs <= world.refusing.changedMs || !search.ids.has(id)) return;
  if (search.mustHold === 'everything' || allowance === 0)
    blame(world, `${name} blames a row where the table refuses ${search.mustHold}: ${nameOf(sent)}`);
}

function checkAllowance(world: World, { name, givenUp, allowance, claims }: Process, sent: Sent): void {
  note(world, 'given up at once');
  givenUp.add(sent.root);
  // A batch that was fenced is loaded by another process: then what it gave up was not counted.
  if (givenUp.size > allowance && (allowance === 0 || claims <= 1)) blame(world, `${name} gave up ${givenUp.size} at once of ${allowance}`);
}

/** docs/delivery.md: 2k log2(n) + 2 trials, the flush that failed among them, and a look at more from 10 refused rows on. */
export function checkSearch(world: World, { name, search, allowance }: Process): void {
  if (search === undefined || search.mustHold !== undefined || allowance > 0 || search.atMs <= world.refusing.changedMs) return;
  const { refusedCount, ids, trials } = search;
  const most = 2 * refusedCount * Math.ceil(Math.log2(Math.max(2, ids.size))) + 1 + (refusedCount >= 10 ? 6 * refusedCount : 0);
  note(world, 'search ended');
  if (trials > most) blame(world, `${name} took ${trials} trials to find ${refusedCount} of ${ids.size} rows`);
}

export function isDrained({ log, ledger }: World): boolean {
  return log.every(({ start, entries, isAnother }, partition) => {
    const next = Math.max(start, Number(ledger.get(partition)?.nextOffset ?? 0));
    return !isAnother && entries.slice(next).every((record) => record === undefined);
  });
}

export function checkEnd(world: World): void {
  const { sent, table, refusing } = world;
  const contents = new Set<string>();
  for (const one of sent) {
    if (one.exposure !== undefined) contents.add(contentOf(one.exposure));
    checkFate(world, one);
  }
  for (const row of table.values()) if (!contents.has(contentOf(row))) blame(world, `a row that nobody sent: ${row.exposureId}`);
  for (const [id, until] of refusing.rows) {
    if (until === Number.POSITIVE_INFINITY && table.has(id)) blame(world, `the model took a row that it refuses: ${id}`);
  }
}

/** A row that the table took, now or in the end, is in it; only what it refused by itself, or an id that stood for another, is not. */
function checkFate({ table, letters, refusedAlone, ...world }: World, sent: Sent): void {
  const { root, exposure, isExpired } = sent;
  if (isExpired) return;
  const codes = letters.get(root)?.map(({ code }) => code) ?? [];
  if (exposure === undefined) {
    if (codes.length === 0) blame(world, `invalid, and not in the dead letters: ${root}`);
    return;
  }
  const stored: Exposure | undefined = table.get(exposure.exposureId);
  if (stored?.dsUserId === exposure.dsUserId) return;
  const isExcused = codes.includes('GBX_ID_REUSED') || (codes.includes('GBX_ROW_REFUSED') && refusedAlone.has(exposure.exposureId));
  if (!isExcused) blame(world, `lost: ${nameOf(sent)}, dead letters: ${codes.join(', ') || 'none'}`);
}
