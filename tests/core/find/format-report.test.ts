// Both forms of the answer: src/core/find/format-report.ts, /document.ts and /describe.ts.
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { exitCodeOf, toFindDocument } from '../../../src/core/find/document.ts';
import { formatFindReport } from '../../../src/core/find/format-report.ts';
import { addRecord, ask, createWorld, NOW_MS, row, type World } from './world.ts';

const HIDDEN = { isContentShown: false };
const SHOWN = { isContentShown: true };
const SECRETS = /secret-user|variation-9|\{"plan":"secret"\}/u;

/** A loaded exposure with a record, a copy that failed, a dead letter; whose content must not show. */
function busyWorld(): World {
  const world = createWorld();
  const user = 'secret-user';
  addRecord(world, { user });
  const headers = {
    ...{ 'gbx-origin': `t/0/0/${NOW_MS - 60_000}`, 'gbx-retry-count': '1', 'gbx-not-before': String(NOW_MS + 1_000) },
    ...{ 'gbx-error-code': 'GBX_ROW_REFUSED', 'gbx-error-message': 'too long', 'gbx-last-failed-at': String(NOW_MS - 1_000) },
  };
  addRecord(world, { user, headers });
  addRecord(world, { user, topic: 'dlq', headers });
  world.rows = [row('x', { dsUserId: user, variationId: 'variation-9', attributes: '{"plan":"secret"}' })];
  world.ledger.set('t', new Map([[0, 1n]]));
  return world;
}

describe('formatFindReport()', () => {
  test('says place by place where an exposure is, with times, and how it ends', async () => {
    const { plan, report } = await ask(busyWorld());
    expect(formatFindReport(plan, report, HIDDEN)).toBe(
      [
        'exposure        x',
        'topic           t/0 offset 0, accepted 2026-01-31T11:59:00.000Z, the ledger has passed it',
        '                t/0 offset 1, accepted 2026-01-31T11:59:00.000Z, copy of t/0 offset 0 written 2026-01-31T11:59:00.000Z, retry 1 not before 2026-01-31T12:00:01.000Z, held, the ledger has not passed it',
        'dead letters    dlq/0 offset 0, given up 2026-01-31T11:59:59.000Z: GBX_ROW_REFUSED (too long), from t/0 offset 0, accepted 2026-01-31T11:59:00.000Z',
        'table           ts 2026-01-31T11:00:00.000Z, created_at 2026-01-31T11:00:01.500Z, load delay 1.5s',
        'looked at       topic t: 2 records, accepted from 2026-01-30T12:00:00.000Z on',
        'looked at       dead letters dlq: 1 record',
        'looked at       table: all rows with this id',
        'not looked at   spool: not set',
        '✓ loaded once',
        '',
      ].join('\n'),
    );
  });

  test('shows whose it is only when it is asked to, in both forms', async () => {
    for (const wanted of [
      { kind: 'id', exposureId: 'x' },
      { kind: 'who', dsUserId: undefined, experimentId: 'e' },
    ] as const) {
      const { plan, report } = await ask(busyWorld(), { plan: { wanted } });
      const forms = (options: typeof HIDDEN) =>
        formatFindReport(plan, report, options) + JSON.stringify(toFindDocument(plan, report, options));
      expect(forms(HIDDEN)).not.toMatch(SECRETS);
      expect(forms(SHOWN)).toMatch(SECRETS);
    }
  });

  test('says what it could not see: parts that are away, what was skipped, other partitions, letters, progress', async () => {
    const world = createWorld();
    world.logs.delete('dlq');
    addRecord(world, { partition: 1, timestampMs: 0 });
    const error = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'no way');
    const { plan, report } = await ask(world, { plan: { partitionKey: 'u' }, deps: { warehouse: { kind: 'failed', error } } });
    const lines = formatFindReport(plan, report, HIDDEN)
      .split('\n')
      .filter((line) => line.startsWith('not looked at'));
    expect(lines.map((line) => line.slice(16))).toEqual([
      'spool: not set',
      'warehouse: no way [GBX_WAREHOUSE_UNREACHABLE]',
      'topic t: about 1 record before that (--since earliest looks at all)',
      'topic t: 2 other partitions, where a producer that is not gbx may put this user (--all-partitions)',
      'dead letters: there is no topic dlq',
      'progress: neither ledger nor brokers know the group g with t',
    ]);
  });

  test('lists in columns, and lets nothing of a record steer a terminal', async () => {
    const world = createWorld();
    addRecord(world, { id: 'a\u001b[2J', experiment: 'long-experiment' });
    addRecord(world, { id: 'b', experiment: 'e' });
    const { plan, report } = await ask(world, { plan: { wanted: { kind: 'who', dsUserId: 'u', experimentId: undefined }, limit: 1 } });
    const lines = formatFindReport(plan, report, HIDDEN).split('\n');
    expect(lines[0]).toMatch(/^exposure +ts +experiment +where$/u);
    expect(lines[2]).toBe('and more: see --limit');
    expect(lines.join('')).not.toContain('\u001b');
    const none = await ask(createWorld(), { plan: { wanted: { kind: 'who', dsUserId: 'u', experimentId: undefined } } });
    expect(formatFindReport(none.plan, none.report, HIDDEN)).toContain('✗ none found in what was looked at');
  });
});

describe('toFindDocument()', () => {
  test('is one document that JSON can hold, with null for what is not known', async () => {
    const world = busyWorld();
    addRecord(world, { value: '{"exposure_id":"x"', headers: { 'gbx-last-failed-at': '9'.repeat(15) }, timestampMs: -1 });
    world.rows = [];
    const { plan, report } = await ask(world);
    const document = JSON.parse(JSON.stringify(toFindDocument(plan, report, HIDDEN)));
    expect(document).toMatchObject({
      ...{ schema: 'gbx.find/1', state: 'held', askedAt: '2026-01-31T12:00:00.000Z', since: '2026-01-30T12:00:00.000Z', more: false },
      exposures: [
        {
          records: [
            { offset: 0, origin: null, retry: 0, notBefore: null, invalid: null, failure: null, progress: { state: 'passed' } },
            { offset: 1, origin: { topic: 't', partition: 0, offset: 0 }, retry: 1, progress: { state: 'waiting', recordsBefore: 0 } },
            { offset: 2, acceptedAt: null, ts: null, invalid: { code: 'GBX_NOT_JSON' } },
          ],
          deadLetters: [{ progress: null, failure: { code: 'GBX_ROW_REFUSED' } }],
        },
      ],
    });
  });
});

test('exitCodeOf() is 0 for what is found, 1 for none and for what nobody wants', async () => {
  const world = busyWorld();
  expect(exitCodeOf((await ask(world)).report)).toBe(0);
  world.rows = [row('x'), row('x')];
  expect(exitCodeOf((await ask(world)).report)).toBe(1);
  expect(exitCodeOf((await ask(createWorld())).report)).toBe(1);
  const who = { kind: 'who', dsUserId: 'u', experimentId: undefined } as const;
  expect(exitCodeOf((await ask(createWorld(), { plan: { wanted: who } })).report)).toBe(1);
});
