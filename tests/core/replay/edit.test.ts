// With '/import-letters.ts': dead letters out as lines and back.
import { describe, expect, test } from 'vitest';
import { formerId, letterDocument, mend, parseEditedLine } from '../../../src/core/replay/edit.ts';
import { importLetters } from '../../../src/core/replay/import-letters.ts';
import { readLetter } from '../../../src/core/replay/letter.ts';
import { createWorld, exposure, NOON_MS, PLACE, READING, type World } from './world.ts';

const GOOD = '{"ds_user_id":"u","experiment_id":"e","variation_id":"1"}';

function linesOf(world: World, value: unknown): string[] {
  return (world.topics.get('dlq') ?? []).map((record) =>
    JSON.stringify({ ...letterDocument(record, readLetter(record, 'dlq'), 'c'), value }),
  );
}

function importAll(world: World, texts: readonly (string | undefined)[]) {
  async function* lines() {
    for (const [index, text] of texts.entries()) yield { number: index + 1, text };
  }
  return importLetters(lines(), PLACE, { ...READING, logs: world.logs });
}

describe('parseEditedLine()', () => {
  test('says what is wrong with a line', () => {
    for (const [text, why] of [
      ['[]', 'not a JSON object'],
      ['{"place":"0"}', '"place"'],
      ['{"place":"0/1","origin":"x"}', '"origin"'],
      ['{"place":"0/1","origin":"t/0/1/2","value":7}', '"value"'],
      ['{"place":"0/1","origin":"t/0/1/2"}', '"value"'],
    ] as const)
      expect(parseEditedLine(text)).toMatchObject({ kind: 'wrong', why: expect.stringContaining(why) });
  });

  test('takes a value as text, and as an object', () => {
    const place = { place: '0/1', origin: 't/0/1/2' };
    const line = { partition: 0, offset: 1n, origin: 't/0/1/2' };
    expect(parseEditedLine(JSON.stringify({ ...place, value: GOOD }))).toEqual({ kind: 'line', line: { ...line, value: GOOD } });
    expect(parseEditedLine(JSON.stringify({ ...place, value: { a: 1 } }))).toMatchObject({ line: { value: '{"a":1}' } });
  });
});

describe('mend()', () => {
  test('gives a value without an id the one that its record had, and changes no other byte', () => {
    const world = createWorld();
    const [none, own, valid] = [
      world.letter('garbage', { of: 1 }),
      world.letter('{"exposure_id":"x1"}', { of: 2 }),
      world.letter(exposure('x2'), { of: 3 }),
    ];
    const mended = (record: typeof none, value: string) => mend(record, readLetter(record, 'dlq'), { clusterId: 'c', value });
    const derived = formerId(none, readLetter(none, 'dlq'), 'c');
    expect(derived).toMatch(/^rec_/u);
    for (const value of [GOOD, GOOD.replace('"e"', '"e" ')])
      expect(mended(none, value)).toMatchObject({
        key: 'u',
        value: value.replace('{', `{"exposure_id":"${derived}",`),
        decoded: { exposure: { exposureId: derived } },
      });
    expect(mended(own, GOOD)).toMatchObject({ decoded: { exposure: { exposureId: 'x1', tsMicros: NOON_MS * 1000 } } });
    expect(mended(valid, GOOD.replace('}', ',"exposure_id":null}'))).toMatchObject({ decoded: { exposure: { exposureId: 'x2' } } });
    expect(mended(valid, GOOD.replace('}', ',"exposure_id":"new"}'))).toMatchObject({ decoded: { exposure: { exposureId: 'new' } } });
    expect(mended(valid, '{}')).toMatchObject({ kind: 'wrong' });
    expect(mended(valid, 'x')).toMatchObject({ kind: 'wrong', why: expect.stringContaining('not JSON') });
  });
});

describe('importLetters()', () => {
  test('refuses all for the sake of one, and names each by its line', async () => {
    const world = createWorld();
    world.letter('garbage', { of: 1 });
    world.letter('garbage', { of: 2 });
    const [first = '', second = ''] = linesOf(world, GOOD);
    const elsewhere = second.replace('t/0/2/', 't/0/3/');
    const gone = first.replace('"0/0"', '"0/9"').replace('t/0/1/', 't/0/8/');
    await expect(importAll(world, [first, elsewhere, 'x', undefined, '', first, gone])).rejects.toThrow(
      /line 2 is of t\/0\/3.*; line 3 is not a JSON object; line 4 is too long; line 6 is the same record as line 1; line 7 is of a dead letter that is gone: dlq\/0\/9/u,
    );
  });

  test('names twenty at most', async () => {
    await expect(
      importAll(
        createWorld(),
        Array.from({ length: 25 }, () => 'x'),
      ),
    ).rejects.toThrow(/line 20 [^;]*; and 5 more$/u);
  });

  test('takes what is right now, with its edited bytes', async () => {
    const world = createWorld();
    world.letter('garbage', { of: 1 });
    expect(await importAll(world, linesOf(world, GOOD))).toMatchObject([
      { offset: 0n, origin: `t/0/1/${NOON_MS}`, edited: { key: 'u', value: expect.stringContaining('"ds_user_id":"u"') } },
    ]);
  });
});

test('letterDocument() gives bytes that are no text as base64', () => {
  const world = createWorld();
  const record = { ...world.letter('x', { of: 1, headers: { h: Buffer.from([255]) } }), value: Buffer.from([254]), key: Buffer.from('ü') };
  expect(letterDocument(record, readLetter(record, 'dlq'), 'c')).toMatchObject({
    key: 'ü',
    valueBase64: '/g==',
    headers: { h: 'base64:/w==' },
    now: expect.stringContaining('UTF-8'),
  });
});
