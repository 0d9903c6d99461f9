// With what it stands on: src/core/find/look.ts, /look-topic.ts, /read-progress.ts, /read-rows.ts and /trails.ts.
import { describe, expect, test } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { find } from '../../../src/core/find/find.ts';
import { addRecord, ask, createWorld, depsFor, logsOf, NOW_MS, planFor, row } from './world.ts';

const AWAY = new GbxError('GBX_KAFKA_UNREACHABLE', 'away');

describe('find() of an id', () => {
  test('throws what is a bug, and what a part cannot tell stands in the report', async () => {
    const world = createWorld();
    world.rows = [row('x')];
    world.onAsk = (what) => {
      if (what === 'ranges t') throw AWAY;
    };
    const { report, verdict } = await ask(world);
    expect(verdict?.state).toBe('loaded');
    expect([...report.failures]).toEqual([['kafka', AWAY]]);
    expect(world.asked.filter((what) => what.startsWith('ranges'))).toEqual(['ranges t']);
    world.onAsk = () => {
      throw new TypeError('a bug');
    };
    await expect(ask(world)).rejects.toThrow('a bug');
  });

  test('a topic that is missing fails Kafka as a part; a dead-letter topic that is missing does not', async () => {
    const world = createWorld();
    world.logs.delete('dlq');
    addRecord(world);
    const { report, verdict } = await ask(world);
    expect({ state: verdict?.state, failures: report.failures.size, isMissing: report.areLettersMissing }).toEqual({
      state: 'in_topic',
      failures: 0,
      isMissing: true,
    });
    world.logs.delete('t');
    expect((await ask(world)).report.failures.get('kafka')).toMatchObject({ code: 'GBX_TOPIC_MISSING' });
  });

  test('ends when the signal aborts, without an answer', async () => {
    const world = createWorld();
    const stop = new AbortController();
    addRecord(world);
    world.onAsk = () => stop.abort();
    expect(await find(planFor(), depsFor(world, { signal: stop.signal }))).toEqual({ kind: 'interrupted' });
  });

  test('looks along the way of exposures: topic, ledger, dead letters, table', async () => {
    const world = createWorld();
    addRecord(world);
    addRecord(world, { topic: 'dlq', id: 'other' });
    await ask(world);
    const order = ['read t/0 0..1', 'ledger', 'read dlq/0 0..1', 'rows'].map((what) => world.asked.indexOf(what));
    expect(order).toEqual([...order].sort((one, other) => one - other));
    expect(order).not.toContain(-1);
  });

  test('a copy that is written while the topic is read is met: not missing', async () => {
    const world = createWorld();
    addRecord(world);
    world.ledger.set('t', new Map([[0, 0n]]));
    let isRequeued = false;
    world.onAsk = (what) => {
      if (what !== 'ledger' || isRequeued) return;
      isRequeued = true;
      const headers = { 'gbx-origin': `t/0/0/${NOW_MS - 60_000}`, 'gbx-retry-count': '1', 'gbx-not-before': String(NOW_MS + 4_000) };
      addRecord(world, { headers });
      world.ledger.set('t', new Map([[0, 1n]]));
    };
    const { verdict, report } = await ask(world);
    expect(verdict).toMatchObject({ state: 'held' });
    expect(report.topics.find(({ role }) => role === 'topic')?.records).toBe(2);
  });

  test('what is missing is looked for again only as long as more comes', async () => {
    const world = createWorld();
    addRecord(world);
    world.ledger.set('t', new Map([[0, 1n]]));
    expect((await ask(world)).verdict?.state).toBe('missing');
    expect(world.asked.filter((what) => what === 'rows').length).toBe(1);
    world.onAsk = (what) => {
      if (what === 'rows') addRecord(world, { id: 'other' });
    };
    await ask(world);
    expect(world.asked.filter((what) => what === 'rows').length).toBe(1 + 3);
  });

  test('progress: by the ledger; by the group where the ledger has nothing; unknown where nobody has', async () => {
    const world = createWorld();
    addRecord(world);
    expect((await ask(world)).verdict).toMatchObject({ state: 'in_topic', sentence: expect.stringContaining('not known') });
    world.committed.set(0, 0n);
    expect((await ask(world)).report.facts.progress.get('t')?.by).toBe('group');
    world.ledger.set('t', new Map([[0, 0n]]));
    const { report, verdict } = await ask(world);
    expect({ by: report.facts.progress.get('t')?.by, state: verdict?.state }).toEqual({ by: 'ledger', state: 'waiting' });
  });

  test('a copy in a retry topic is judged by the one group that loads that topic', async () => {
    const world = createWorld();
    world.logs.set('r', [[]]);
    addRecord(world);
    addRecord(world, { topic: 'r', headers: { 'gbx-origin': `t/0/0/${NOW_MS - 60_000}`, 'gbx-retry-count': '1' } });
    world.ledger.set('t', new Map([[0, 1n]])).set('r', new Map([[0, 0n]]));
    expect((await ask(world, { plan: { retryTopic: 'r' } })).verdict).toMatchObject({
      state: 'waiting',
      sentence: 'waiting for retry 1 to be loaded, next in its partition',
    });
  });

  test('reads only the partition of the user that is given, and only from where the range begins', async () => {
    const world = createWorld();
    for (const partition of [0, 1, 2]) addRecord(world, { partition, timestampMs: NOW_MS - 7 * 86_400_000 });
    addRecord(world, { partition: 1, id: 'y' });
    const { report } = await ask(world, { plan: { partitionKey: 'u' } });
    expect(world.asked.filter((what) => what.startsWith('read t'))).toEqual(['read t/1 1..2']);
    expect(report.topics[0]).toMatchObject({ partitions: [1], otherPartitions: 2, skipped: 1, records: 1 });
    await ask(world, { plan: { since: { kind: 'offsets', byPartition: new Map([[2, 0n]]) } } });
    expect(world.asked.filter((what) => what.startsWith('read t')).slice(1)).toEqual(['read t/2 0..1']);
  });

  test('keeps so many sightings and no more, and counts the rest', async () => {
    const world = createWorld();
    for (let i = 0; i < 80; i++) addRecord(world);
    const { report } = await ask(world);
    const trail = report.exposures[0]?.trail;
    expect({ kept: trail?.records.length, leftOut: trail?.leftOut, last: trail?.records.at(-1)?.offset }).toEqual({
      kept: 50,
      leftOut: 30,
      last: 79n,
    });
  });

  test('headers of anybody reach no terminal as they are', async () => {
    const world = createWorld();
    const headers = { 'gbx-error-code': 'X\u001b[2J', 'gbx-error-message': 'a'.repeat(1_000), 'gbx-last-failed-at': 'soon' };
    addRecord(world, { topic: 'dlq', headers });
    const failure = (await ask(world)).report.exposures[0]?.trail.letters[0]?.failure;
    expect(failure).toEqual({ code: 'X [2J', message: 'a'.repeat(300), lastMs: undefined });
  });
});

describe('find() by user or experiment', () => {
  const WHO = { kind: 'who', dsUserId: 'u', experimentId: undefined } as const;

  test('joins rows, records and dead letters by exposure, the newest first', async () => {
    const world = createWorld();
    world.ledger.set('t', new Map([[0, 1n]]));
    addRecord(world, { id: 'loaded' });
    addRecord(world, { id: 'waits' });
    addRecord(world, { id: 'other', user: 'v' });
    addRecord(world, { topic: 'dlq', id: 'letter', headers: { 'gbx-error-code': 'GBX_ROW_REFUSED' } });
    world.rows = [row('loaded'), row('old', { tsMicros: (NOW_MS - 7_200_000) * 1000 }), row('ancient', { tsMicros: 0 })];
    const { report } = await ask(world, { plan: { wanted: WHO } });
    const states = Object.fromEntries(report.exposures.map(({ exposureId, verdict }) => [exposureId, verdict.state]));
    expect(states).toEqual({ loaded: 'loaded', waits: 'waiting', letter: 'dead_letter', old: 'loaded' });
    expect(report.exposures.at(-1)?.exposureId).toBe('old');
    expect(report.isCut).toBe(false);
  });

  test('a row from before the range still tells that what came later in it is loaded', async () => {
    const world = createWorld();
    world.ledger.set('t', new Map([[0, 1n]]));
    addRecord(world, { id: 'late' });
    world.rows = [row('late')];
    const { report } = await ask(world, { plan: { wanted: WHO, since: { kind: 'time', ms: NOW_MS - 600_000 } } });
    expect(report.exposures.map(({ verdict }) => verdict.state)).toEqual(['loaded']);
  });

  test('is bounded: so many of each partition, so many listed, and says that there are more', async () => {
    const world = createWorld();
    for (let i = 0; i < 300; i++) addRecord(world, { id: `id-${i}`, partition: i % 3 });
    const { report } = await ask(world, { plan: { wanted: WHO, limit: 5 } });
    expect({ listed: report.exposures.length, isCut: report.isCut }).toEqual({ listed: 5, isCut: true });
  });

  test('a failure of the reader in the midst is kept, and what was read stays', async () => {
    const world = createWorld();
    const logs = logsOf(world);
    addRecord(world, { id: 'seen' });
    addRecord(world, { id: 'never', partition: 1 });
    world.onAsk = (what) => {
      if (what.startsWith('read t/1')) throw AWAY;
    };
    const { report } = await ask(world, { plan: { wanted: WHO }, deps: { kafka: { kind: 'open', it: logs } } });
    expect(report.exposures.map(({ exposureId }) => exposureId)).toEqual(['seen']);
    expect(report.failures.get('kafka')).toBe(AWAY);
  });
});
