// The model topic: producers and copies append to it, retention takes its head away, rarely it is made anew.
import { decodeRecord } from '../../../../src/core/exposure/decode.ts';
import type { LogRecord, RecordHeaders } from '../../../../src/core/exposure/exposure.ts';
import { type ModelPartition, note, PARTITIONS, pick, SCOPE, type Sent, START_MS, type World } from './world.ts';

const NEVER = Number.POSITIVE_INFINITY;

export function partitionOf(world: World, partition: number): ModelPartition {
  const found = world.log[partition];
  if (found === undefined) throw new Error(`no partition ${partition}`);
  return found;
}

/** Keys stay as they are in every copy, so the key tells which record it was. */
export function rootOf({ key }: LogRecord): number {
  return Number(String(key).slice(1));
}

export function append(world: World, record: Omit<LogRecord, 'offset' | 'timestampMs'>): LogRecord {
  const { entries, isAnother } = partitionOf(world, record.partition);
  // Not into a topic made anew: where a mark stands before the ledger there is no record to compare, and nobody could tell.
  if (world.random() < 0.05 && !isAnother) entries.push(undefined);
  const written = { ...record, offset: BigInt(entries.length), timestampMs: Math.floor(world.clock.now()) };
  entries.push(written);
  for (const client of world.clients) client.wake();
  return written;
}

/** Ids come again in other partitions, some for another user, some with other content; some records are no exposures. */
export function produce(world: World): void {
  const { random, sent, refusing, kinds, clock } = world;
  const root = sent.length;
  const isCopy = root > 0 && random() < 0.15;
  const earlier = isCopy ? pick(world, sent)?.exposure?.exposureId : undefined;
  const id = random() < 0.1 ? undefined : (earlier ?? `e${root}`);
  const fields = {
    ...(id === undefined ? {} : { exposure_id: id }),
    ds_user_id: random() < 0.03 ? 'other' : `u-${id ?? root}`,
    experiment_id: 'x',
    variation_id: '0',
    timestamp: new Date(START_MS - 3_600_000 - Math.floor(random() * 3) * 1000).toISOString(),
    ...(random() < 0.1 ? { attributes: { n: 1 } } : {}),
  };
  const value = Buffer.from(random() < 0.06 ? 'not json' : JSON.stringify(fields));
  const headers = random() < 0.05 ? forgedHeaders(world) : {};
  const partition = Math.floor(random() * PARTITIONS);
  const record = append(world, { partition, key: Buffer.from(`k${root}`), value, headers });
  const decoded = decodeRecord(record, SCOPE);
  const exposure = decoded.kind === 'exposure' ? decoded.exposure : undefined;
  sent.push({ root, record, exposure, isForged: Object.keys(headers).length > 0, isExpired: false });
  // With a made-up origin it counts as a copy.
  if (exposure !== undefined && Object.keys(headers).length > 0) world.copiedIds.add(exposure.exposureId);
  if (exposure === undefined || !kinds.has('bad rows') || earlier !== undefined) return;
  const roll = random();
  if (roll < 0.09) refusing.changedMs = clock.elapsed();
  if (roll < 0.04) refusing.rows.set(exposure.exposureId, NEVER);
  // Mended after a while: then a retry, or another attempt, finds it good.
  else if (roll < 0.09) {
    const ms = random() * 8_000;
    refusing.rows.set(exposure.exposureId, clock.elapsed() + ms);
    clock.after(ms, () => {
      refusing.changedMs = clock.elapsed();
    });
  }
}

/** Anybody may write to the topic. */
function forgedHeaders({ random, clock }: World): RecordHeaders {
  const origin = random() < 0.5 ? { 'gbx-origin': `exposures/${Math.floor(random() * 3)}/${Math.floor(random() * 9)}/${START_MS}` } : {};
  // Mostly soon: all of a run waits for the last one, and only a few need to be beyond what is waited for.
  const notBefore = random() < 0.5 ? { 'gbx-not-before': String(Math.floor(clock.now() + random() ** 6 * 90_000)) } : {};
  const count = ['0', '1', '3', '7', '999', '-1', 'x', '1e3'][Math.floor(random() * 8)];
  return { ...origin, ...notBefore, 'gbx-retry-count': count };
}

/** Retention: mostly what is loaded, now and then what is not. */
export function expire(world: World, partition: number): void {
  const { random, ledger } = world;
  const log = partitionOf(world, partition);
  // Where the record before the ledger is gone from another topic, nobody can tell that it is another one.
  if (log.isAnother) return;
  const loaded = Number(ledger.get(partition)?.nextOffset ?? 0);
  const to = Math.min(log.entries.length, random() < 0.8 ? loaded : loaded + Math.floor(random() * 8));
  if (to <= log.start) return;
  note(world, 'log start moved');
  log.start = to;
  forget(world, log.entries.slice(loaded, to));
}

/** Deleted and made again under its name, with other records. */
export function makeAnew(world: World, partition: number): boolean {
  const log = partitionOf(world, partition);
  const row = world.ledger.get(partition);
  // Without a mark nothing can be compared: the ledger was set by hand, or has loaded nothing.
  if (row?.lastRecord === undefined || log.isAnother) return false;
  note(world, 'log made anew');
  forget(world, log.entries.slice(Number(row.nextOffset)));
  Object.assign(log, { start: 0, entries: [], isAnother: true });
  world.committed.delete(partition);
  for (const place of world.retries.keys()) if (place.startsWith(`${partition}/`)) world.retries.delete(place);
  return true;
}

function forget(world: World, entries: readonly (LogRecord | undefined)[]): void {
  for (const record of entries) {
    const sent: Sent | undefined = record === undefined ? undefined : world.sent[rootOf(record)];
    if (sent === undefined) continue;
    sent.isExpired = true;
    note(world, 'expired unread');
  }
}
