// serve outlives every outage: what is down is tried again, said once, and used as soon as it works.
import { expect, test } from 'vitest';
import { keepSender, type Sender } from '../../../src/core/accept/keep-sender.ts';
import { GbxError } from '../../../src/core/errors.ts';
import type { OutgoingRecord } from '../../../src/core/exposure/exposure.ts';
import { manualClock } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';

const RECORD: OutgoingRecord = { key: 'u1', value: '{}', timestampMs: 0 };
const UNREACHABLE = new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker answers');
const TOPIC_MISSING = new GbxError('GBX_TOPIC_MISSING', 'Kafka has no topic exposures');

function setUp() {
  const clock = manualClock();
  const log = collectingLog();
  const state = { openError: undefined as unknown, checkError: undefined as unknown, isUp: true, opened: 0, closed: 0 };
  const open = async (): Promise<Sender> => {
    if (state.openError !== undefined) throw state.openError;
    state.opened += 1;
    return {
      send: async (records) => records.map(() => ({ kind: 'acked' })),
      isUp: () => state.isUp,
      check: async () => {
        if (state.checkError !== undefined) throw state.checkError;
      },
      [Symbol.asyncDispose]: async () => {
        state.closed += 1;
      },
    };
  };
  return { clock, log, state, keep: () => keepSender({ open, clock, random: () => 1, log }) };
}

test('keepSender() is down with a reason while it cannot open, sends nothing, and is up by itself afterwards', async () => {
  const { clock, log, state, keep } = setUp();
  state.openError = UNREACHABLE;
  await using sender = keep();
  await sender.tried;
  expect(sender.isUp()).toBe(false);
  expect(sender.problem()).toBe(UNREACHABLE);
  expect(await sender.send([RECORD])).toMatchObject([{ kind: 'not-sent' }]);
  await clock.advance(10_000);
  state.openError = undefined;
  await clock.advance(3_000);
  expect(sender.isUp()).toBe(true);
  expect(sender.problem()).toBeUndefined();
  expect(await sender.send([RECORD])).toEqual([{ kind: 'acked' }]);
  expect(log.lines.map(({ level, event }) => `${level} ${event}`)).toEqual(['warn kafka.not_usable', 'info kafka.usable']);
});

test('keepSender() is loud about what a person must mend, once a minute', async () => {
  const { clock, log, state, keep } = setUp();
  state.checkError = TOPIC_MISSING;
  await using sender = keep();
  await sender.tried;
  expect(sender.problem()?.code).toBe('GBX_TOPIC_MISSING');
  await clock.advance(50_000);
  expect(log.lines.map(({ level }) => level)).toEqual(['error']);
  await clock.advance(15_000);
  expect(log.lines.map(({ level }) => level)).toEqual(['error', 'error']);
  state.checkError = undefined;
  await clock.advance(3_000);
  expect(sender.isUp()).toBe(true);
  expect(state.opened).toBe(1);
});

test('keepSender() notices a topic that is taken away while it runs', async () => {
  const { clock, state, keep } = setUp();
  await using sender = keep();
  await sender.tried;
  expect(sender.isUp()).toBe(true);
  state.checkError = TOPIC_MISSING;
  await clock.advance(5_000);
  expect(sender.isUp()).toBe(false);
});

test('keepSender() is down while the sender says so, before any check finds out', async () => {
  const { state, keep } = setUp();
  await using sender = keep();
  await sender.tried;
  state.isUp = false;
  expect(sender.isUp()).toBe(false);
  expect(sender.problem()?.code).toBe('GBX_KAFKA_UNREACHABLE');
});

test('keepSender() closes what it opened, and tries no more', async () => {
  const { clock, state, keep } = setUp();
  const sender = keep();
  await sender.tried;
  await sender[Symbol.asyncDispose]();
  await clock.advance(60_000);
  expect(state).toMatchObject({ opened: 1, closed: 1 });
  expect(clock.sleeping()).toBe(0);
});
