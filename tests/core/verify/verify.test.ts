import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { verify } from '../../../src/core/verify/verify.ts';
import { A, B, createWorld, dropRow, exposure, manifestOf, NOON_MS, rightWorld, SCOPE, sentOf, stored } from './world.ts';

const DAY_MICROS = 86_400_000_000;

describe('verify() cannot answer, and says why', () => {
  it('where there is no such topic', async () => {
    const world = rightWorld();
    world.topics.delete(SCOPE.topic);
    await expect(world.verify()).rejects.toMatchObject({ code: 'GBX_TOPIC_MISSING', exitCode: 78 });
  });

  it('where the ledger knows another group only, and names it', async () => {
    const world = rightWorld();
    world.ledger.clear();
    world.otherScopes.push({ ...SCOPE, group: 'another' });
    await expect(world.verify()).rejects.toMatchObject({ code: 'GBX_CONFIG', hint: expect.stringContaining('group another') });
  });

  it('where the log ends before the ledger', async () => {
    const world = rightWorld();
    world.ledger.set(`${SCOPE.topic}/0`, 99n);
    await expect(world.verify()).rejects.toMatchObject({ code: 'GBX_TOPIC_CHANGED', exitCode: 78 });
  });

  it('where a range ends before it begins', async () => {
    const [from, to] = [{ kind: 'time', ms: 2 } as const, { kind: 'time', ms: 1 } as const];
    await expect(rightWorld().verify({ from, to })).rejects.toMatchObject({ code: 'GBX_USAGE', exitCode: 2 });
  });

  it('where something is missing and the dead letters may not be read', async () => {
    const world = rightWorld();
    const read = world.deps().logs.ranges;
    const ranges = async (topic: string) => {
      if (topic === 'dlq') throw new GbxError('GBX_KAFKA_AUTH', 'not authorized for dlq');
      return read(topic);
    };
    expect(await world.verify({}, { ranges })).toMatchObject({ isExact: true, letters: { kind: 'unreadable' } });
    dropRow(world, 'a');
    await expect(world.verify({}, { ranges })).rejects.toMatchObject({
      code: 'GBX_KAFKA_AUTH',
      message: expect.stringContaining('1 exposures'),
    });
  });

  it('where the manifest was cut short', async () => {
    const lines = async function* () {
      for await (const line of manifestOf([sentOf(A), sentOf(B)])()) if (!line.includes('"b"')) yield line;
    };
    await expect(rightWorld().verify({ manifest: lines })).rejects.toMatchObject({ code: 'GBX_USAGE' });
  });

  it('where it is interrupted', async () => {
    const world = rightWorld();
    const aborted = { ...world.deps(), signal: AbortSignal.abort() };
    const plan = {
      scope: SCOPE,
      deadLetterTopic: 'dlq',
      retryTopic: undefined,
      from: undefined,
      to: undefined,
      manifest: undefined,
      idsMax: 1,
    };
    expect(await verify(plan, aborted)).toEqual({ kind: 'interrupted' });
  });
});

describe('verify() of the topic finds', () => {
  it('what is missing, with its place, by partition and experiment', async () => {
    const world = rightWorld();
    dropRow(world, 'b');
    const { isExact, account, findings } = await world.verify();
    expect({ isExact, totals: account.totals }).toMatchObject({ isExact: false, totals: { expected: 3, loaded: 2, missing: 1 } });
    expect(findings.missing).toEqual([{ exposureId: 'b', partition: 1, offset: 0n, experimentId: 'checkout' }]);
    expect(account.byPartition.get(1)).toMatchObject({ expected: 1, missing: 1 });
    expect(account.byExperiment.get('checkout')).toMatchObject({ expected: 2, loaded: 1, missing: 1 });
    expect(account.byExperiment.get('pricing')).toMatchObject({ expected: 1, missing: 0 });
  });

  it('what is doubled', async () => {
    const world = rightWorld();
    world.rows.push(stored(A));
    const { isExact, account, findings } = await world.verify();
    expect({ isExact, doubled: account.totals.doubled, list: findings.doubled }).toEqual({
      isExact: false,
      doubled: 1,
      list: [{ exposureId: 'a', rows: 2 }],
    });
  });

  it('what is altered, with its fields, also where the row went to another year or another user', async () => {
    for (const [over, fields] of [
      [{ source: 'x', attributes: '{}' }, ['attributes', 'source']],
      [{ tsMicros: A.tsMicros - 400 * DAY_MICROS }, ['timestamp']],
      [{ dsUserId: 'somebody' }, ['ds_user_id']],
    ] as const) {
      const world = rightWorld();
      dropRow(world, 'a');
      world.rows.push(stored({ ...A, ...over }));
      const { isExact, account, findings } = await world.verify();
      expect({ isExact, totals: account.totals }).toMatchObject({ isExact: false, totals: { altered: 1, missing: 0, loaded: 2 } });
      expect(findings.altered).toEqual([{ exposureId: 'a', fields }]);
    }
  });

  it('a phantom where the whole topic is seen, and does not judge where it is not', async () => {
    const world = rightWorld();
    world.rows.push(stored(exposure('from nowhere', { tsMicros: A.tsMicros - 90 * DAY_MICROS })));
    expect(await world.verify()).toMatchObject({
      isExact: false,
      strangeRows: 1,
      phantomDoubt: undefined,
      findings: { phantom: ['from nowhere'] },
    });
    world.rows.push(stored(exposure('from elsewhere')));
    const doubted = { isExact: true, strangeRows: 1, findings: { phantom: [] } };
    expect(await world.verify({ from: { kind: 'offset', offset: 0n } })).toMatchObject({ ...doubted, phantomDoubt: 'part of the topic' });
    world.otherScopes.push({ ...SCOPE, group: 'another' });
    expect(await world.verify()).toMatchObject({ ...doubted, phantomDoubt: 'other ledgers' });
  });

  it('a record that is no exposure and has no dead letter', async () => {
    const world = rightWorld();
    const offset = world.put('garbage');
    world.load();
    expect(await world.verify()).toMatchObject({
      isExact: false,
      findings: { missing: [{ exposureId: undefined, partition: 0, offset }] },
    });
    world.letter('garbage', { offset, code: 'GBX_NOT_JSON' });
    const { isExact, account, invalidRecords } = await world.verify();
    expect({ isExact, invalidRecords, codes: [...account.byCode] }).toEqual({
      isExact: true,
      invalidRecords: 1,
      codes: [['GBX_NOT_JSON', 1]],
    });
  });

  it('an exposure under an id that was taken, unless it was given up', async () => {
    const world = rightWorld();
    const reused = { ...A, dsUserId: 'another' };
    const offset = world.put(reused);
    world.load();
    expect(await world.verify()).toMatchObject({ isExact: false, account: { totals: { missing: 1 } } });
    world.letter(reused, { offset, code: 'GBX_ID_REUSED' });
    expect(await world.verify()).toMatchObject({ isExact: true, account: { totals: { idReused: 1, loaded: 3, inBoth: 0 } } });
    dropRow(world, 'a');
    expect(await world.verify()).toMatchObject({ isExact: false, account: { totals: { missing: 1 } } });
  });

  it('what Kafka removed before it was loaded', async () => {
    const world = rightWorld();
    world.starts.set(SCOPE.topic, 1n);
    world.ledger.set(`${SCOPE.topic}/1`, 0n);
    const { isExact, ranges } = await world.verify();
    expect(isExact).toBe(false);
    expect(ranges.map(({ expired, expiredUnloaded }) => [expired, expiredUnloaded])).toEqual([
      [1n, 0n],
      [1n, 1n],
    ]);
  });

  it('a second row under an id that is somebody else’s', async () => {
    const world = rightWorld();
    world.rows.push(stored({ ...A, variationId: '7' }));
    expect(await world.verify()).toMatchObject({
      isExact: false,
      account: { totals: { doubled: 1 } },
      findings: { doubled: [{ rows: 2 }] },
    });
  });

  it('nothing lost before the range, where a negative count would hide what is missing', async () => {
    const world = createWorld(1);
    for (let nth = 0; nth < 9; nth++) world.put(exposure(`id-${nth}`), { timestampMs: NOON_MS + nth * 1_000 });
    world.starts.set(SCOPE.topic, 3n);
    world.ledger.set(`${SCOPE.topic}/0`, 1n);
    const { isExact, ranges } = await world.verify({ from: { kind: 'time', ms: NOON_MS + 5_000 } });
    expect({ isExact, lost: ranges[0]?.expiredUnloaded }).toEqual({ isExact: true, lost: 0n });
  });

  it('no phantom in a row whose record expired while it read', async () => {
    const world = rightWorld();
    world.rows.push(stored(exposure('expired meanwhile')));
    world.onSnapshot = () => void world.starts.set(SCOPE.topic, 1n);
    expect(await world.verify()).toMatchObject({
      isExact: true,
      strangeRows: 1,
      phantomDoubt: 'expired records',
      findings: { phantom: [] },
    });
  });

  it('where loading may have begun, when all that is missing lies before what is loaded', async () => {
    const world = createWorld(3);
    const all = Array.from({ length: 80 }, (_, at) => exposure(`id-${at}`));
    for (const [at, one] of all.entries()) world.put(one, { partition: at % 2 });
    world.load(...all.slice(40));
    for (const plan of [{}, { entriesMax: 40 }]) {
      expect([...((await world.verify(plan)).mayHaveBegunAt ?? [])]).toEqual([
        [0, 20n],
        [1, 20n],
        [2, 0n],
      ]);
    }
    expect((await world.verify({ from: { kind: 'offset', offset: 0n } })).mayHaveBegunAt).toBeUndefined();
    dropRow(world, 'id-60');
    expect((await world.verify()).mayHaveBegunAt).toBeUndefined();
    expect((await rightWorld().verify()).mayHaveBegunAt).toBeUndefined();
  });

  it('no beginning in a partition of which nothing was loaded: it may be lost as a whole', async () => {
    const world = rightWorld();
    dropRow(world, 'b');
    expect((await world.verify()).mayHaveBegunAt).toBeUndefined();
  });

  it('all of it over several passes as over one', async () => {
    const world = createWorld();
    const all = Array.from({ length: 60 }, (_, at) => exposure(`id-${at}`));
    for (const [at, one] of all.entries()) world.put(one, { partition: at % 2 });
    world.load(...all.filter((_, at) => at % 10 !== 0), ...all.slice(1, 3));
    world.rows.push(stored(exposure('from nowhere')));
    const one = await world.verify();
    const many = await world.verify({ entriesMax: 7 });
    expect(many.passes).toBe(9);
    expect(many.account.totals).toEqual(one.account.totals);
    expect(many.account.totals).toMatchObject({ expected: 60, missing: 6, doubled: 2, loaded: 52 });
    expect([many.strangeRows, many.findings.phantom]).toEqual([1, ['from nowhere']]);
  });
});
