// From exposure to outcome over the port that sends: what clients are told, what goes into the record, what is counted.
import { expect, test } from 'vitest';
import { createAcceptor } from '../../../src/core/accept/acceptor.ts';
import type { SendOutcome, SendRecords } from '../../../src/core/accept/ports.ts';
import type { Exposure, OutgoingRecord } from '../../../src/core/exposure/exposure.ts';
import { manualClock } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';

function setUp({ send, isUp = () => true }: { send: SendRecords; isUp?: () => boolean }) {
  const clock = manualClock();
  const log = collectingLog();
  const counted: string[] = [];
  const metrics = {
    count: (name: string, _by?: number, labels?: Readonly<Record<string, string>>) =>
      void counted.push(labels ? `${name} ${labels['reason']}` : name),
    set: () => undefined,
    unset: () => undefined,
    observe: () => undefined,
  };
  const acceptor = createAcceptor({ send, isUp, clock, random: () => 1, metrics, log, timeoutMs: 1000 });
  return { clock, counted, log, acceptor };
}

const always =
  (outcome: SendOutcome): SendRecords =>
  async (records) =>
    records.map(() => outcome);

function exposure(n: number): Exposure {
  return {
    exposureId: `e${n}`,
    dsUserId: `u${n}`,
    experimentId: 'x',
    variationId: '0',
    tsMicros: 1_700_000_000_000_000,
    attributes: '{}',
    source: 'http',
  };
}

test('accept() refuses at once with the longer pause when Kafka is known to be down, and sends nothing', async () => {
  const { acceptor, counted } = setUp({ send: () => Promise.reject(new Error('must not send')), isUp: () => false });
  expect(await acceptor.accept(exposure(1))).toEqual({ kind: 'unavailable', reason: 'Kafka is not reachable', retryAfterSeconds: 5 });
  expect(counted).toEqual(['gbx_exposures_rejected_total unavailable']);
});

test('accept() says unavailable after its time when nothing could be sent', async () => {
  const { acceptor, clock } = setUp({ send: always({ kind: 'not-sent', reason: 'no leader' }) });
  const outcome = acceptor.accept(exposure(1));
  await clock.advance(1000);
  expect(await outcome).toMatchObject({ kind: 'unavailable', retryAfterSeconds: 1 });
});

test('accept() says outcome_unknown after its time when no answer came', async () => {
  const { acceptor, clock, counted } = setUp({ send: () => new Promise(() => undefined) });
  const outcome = acceptor.accept(exposure(1));
  await clock.advance(0);
  await clock.advance(1000);
  expect(await outcome).toMatchObject({ kind: 'outcome_unknown' });
  expect(counted).toEqual(['gbx_exposures_rejected_total outcome_unknown']);
});

test('accept() says too_large when the broker refuses the record', async () => {
  const { acceptor } = setUp({ send: always({ kind: 'refused', reason: 'too large' }) });
  expect(await acceptor.accept(exposure(1))).toEqual({ kind: 'too_large', reason: 'too large' });
});

test('accept() says unavailable, with the reason, when the broker refuses the record for another reason than its size', async () => {
  const { acceptor, log, clock } = setUp({ send: always({ kind: 'refused', reason: 'its time is off', code: 'GBX_RECORD_REFUSED' }) });
  const refused = {
    kind: 'unavailable',
    reason: expect.stringMatching(/^its time is off; look at cleanup.policy and message.timestamp/),
    retryAfterSeconds: 5,
  };
  expect(await acceptor.acceptAll([exposure(1), exposure(2)])).toEqual([refused, refused]);
  expect(log.lines).toMatchObject([{ level: 'error', event: 'exposures.refused', fields: { reason: 'its time is off' } }]);
  await clock.advance(60_000);
  await acceptor.accept(exposure(3));
  expect(log.lines).toHaveLength(2);
});

test('accept() says unavailable when its login may not write: nothing was appended', async () => {
  const { acceptor, clock } = setUp({ send: always({ kind: 'not-sent', reason: 'not allowed', code: 'GBX_KAFKA_AUTH' }) });
  const outcome = acceptor.accept(exposure(1));
  await clock.advance(1000);
  expect(await outcome).toMatchObject({ kind: 'unavailable' });
});

test('accept() writes the user as key, the exposure as value, and the time of acceptance', async () => {
  const sent: OutgoingRecord[] = [];
  const { acceptor, clock, counted } = setUp({
    send: async (records) => {
      sent.push(...records);
      return records.map(() => ({ kind: 'acked' }));
    },
  });
  expect(await acceptor.accept(exposure(1))).toEqual({ kind: 'accepted' });
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ key: 'u1', timestampMs: clock.now() });
  expect(JSON.parse(String(sent[0]?.value))).toMatchObject({
    exposure_id: 'e1',
    ds_user_id: 'u1',
    timestamp: '2023-11-14T22:13:20.000000Z',
  });
  expect(sent[0]?.headers).toBeUndefined();
  expect(counted).toEqual(['gbx_exposures_accepted_total']);
});

test('acceptAll() gives each its own outcome, in order, from one send', async () => {
  const sizes: number[] = [];
  const { acceptor } = setUp({
    send: async (records) => {
      sizes.push(records.length);
      return records.map((_, i) => (i === 1 ? { kind: 'refused', reason: 'too large' } : { kind: 'acked' }));
    },
  });
  const outcomes = await acceptor.acceptAll([exposure(1), exposure(2), exposure(3)]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'too_large', 'accepted']);
  expect(sizes).toEqual([3]);
});

test('drain() lets later exposures be refused as unavailable', async () => {
  const { acceptor } = setUp({ send: always({ kind: 'acked' }) });
  await acceptor.drain();
  expect(await acceptor.accept(exposure(1))).toMatchObject({ kind: 'unavailable', reason: 'shutting down' });
});
