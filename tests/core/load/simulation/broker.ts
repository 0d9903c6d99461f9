// Writing copies to the model broker: dead letters, and records to be tried again. Some are written and not told of, some
// are not written, some are too large.
import { GbxError } from '../../../../src/core/errors.ts';
import { HEADERS } from '../../../../src/core/exposure/header-names.ts';
import type { DeadLetter, RequeuedRecord, RequeueRecords, WriteDeadLetters } from '../../../../src/core/load/ports.ts';
import { requeueHeaders } from '../../../../src/kafka/headers.ts';
import { checkLetter, checkRequeue, checkSearch, retriesOf } from './checks.ts';
import { call, die, type Process } from './process.ts';
import { append, rootOf } from './topic.ts';
import { note, SCOPE, strikes, type World } from './world.ts';

interface WriteOptions<T> {
  readonly step: string;
  readonly write: (item: T) => 'written' | 'too large';
  readonly isToldUnwritten: boolean;
}

export function createDeadLetterWriter(world: World, process: Process): WriteDeadLetters {
  const write = (letter: DeadLetter): 'written' => {
    checkLetter(world, process, letter);
    const root = rootOf(letter.record);
    const known = world.letters.get(root) ?? [];
    if (known.some(({ code }) => code === letter.code)) note(world, 'dead letter twice');
    world.letters.set(root, [...known, { root, code: letter.code }]);
    note(world, `dead letter ${letter.code}`);
    return 'written';
  };
  const isToldUnwritten = world.off.has('dead letters acknowledged');
  return (letters, onWritten) => writeAll(world, process, { items: letters, onWritten, step: 'dead letters', write, isToldUnwritten });
}

export function createRequeuer(world: World, process: Process): RequeueRecords {
  const write = (requeued: RequeuedRecord): 'written' | 'too large' => {
    checkRequeue(world, process, requeued);
    if (requeued.kind === 'refused' && rootOf(requeued.record) % 17 === 0) return 'too large';
    writeCopy(world, requeued);
    return 'written';
  };
  const isToldUnwritten = world.off.has('requeue acknowledged');
  return async (records, onWritten) => {
    checkSearch(world, process);
    const work = { items: records, onWritten, step: 'requeue', write, isToldUnwritten };
    if (!world.off.has('requeue before the ledger')) return writeAll(world, process, work);
    for (const record of records) onWritten(record);
    world.clock.after(300, () => {
      if (!process.isDead) writeAll(world, process, { ...work, onWritten: () => undefined }).catch(() => undefined);
    });
  };
}

function writeCopy(world: World, requeued: RequeuedRecord): void {
  const { partition, key, value } = requeued.record;
  const written = requeueHeaders(requeued, { sourceTopic: SCOPE.topic, nowMs: world.clock.now() });
  const headers = world.off.has('retry count') ? { ...written, [HEADERS.retryCount]: '0' } : written;
  const { offset } = append(world, { partition, key, value, headers });
  world.retries.set(`${partition}/${offset}`, retriesOf(world, requeued.record) + (requeued.kind === 'refused' ? 1 : 0));
  const id = world.sent[rootOf(requeued.record)]?.exposure?.exposureId;
  if (id !== undefined) world.copiedIds.add(id);
  note(world, requeued.kind === 'refused' ? `requeued ${requeued.retryCount}` : 'written again, not due');
}

async function writeAll<T>(
  world: World,
  process: Process,
  { items, onWritten, step, write, isToldUnwritten }: WriteOptions<T> & { items: readonly T[]; onWritten: (item: T) => void },
): Promise<void> {
  const { clock, random } = world;
  await call(world, { step, process, ms: 20 }, async () => {
    if (clock.elapsed() < world.wrongSchemaUntil) throw new GbxError('GBX_TOPIC_MISSING', 'simulated');
    let tooLarge = 0;
    for (const item of items) {
      if (clock.elapsed() < world.kafkaOutageUntil || strikes(world, 'kafka', 0.05)) throw unknown(world, step);
      if (isToldUnwritten && random() < 0.5) onWritten(item);
      else if (write(item) === 'too large') tooLarge++;
      else if (strikes(world, 'lost answers', 0.08)) {
        note(world, `${step}: answer lost`);
        throw new GbxError('GBX_SEND_UNKNOWN', 'simulated: written, not told');
      } else if (strikes(world, 'kills', 0.01)) {
        note(world, `killed amid ${step}`);
        die(process);
        return;
      } else onWritten(item);
    }
    if (tooLarge === 0) return;
    note(world, 'too large to be requeued');
    throw new GbxError('GBX_RECORD_TOO_LARGE', 'simulated');
  });
}

function unknown(world: World, step: string): GbxError {
  note(world, `${step}: not written`);
  return world.random() < 0.5 ? new GbxError('GBX_SEND_UNKNOWN', 'simulated') : new GbxError('GBX_KAFKA_UNREACHABLE', 'simulated');
}
