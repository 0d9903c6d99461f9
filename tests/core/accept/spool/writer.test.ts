import { expect, test } from 'vitest';
import { record, spoolParts } from './spool-parts.ts';

test('writer.append() says that nothing is stored when the disk fails, and takes the bytes back', async () => {
  const { writer, model, segments } = spoolParts();
  expect(await writer.append([record('one')])).toEqual({ kind: 'stored' });
  const [name, before] = [...model.files()][0] ?? ['', Buffer.alloc(0)];
  const kinds = new Set<string>();
  for (let i = 0; i < 40; i++) {
    model.failing.share = 0.5;
    const { kind } = await writer.append([record(`bad-${i}`)]);
    model.failing.share = 0;
    kinds.add(kind);
    if (kind === 'stored') continue;
    const held = [...model.files().values()].some((content) => content.includes(`bad-${i}`));
    if (kind === 'not-stored') expect(held).toBe(false);
  }
  expect([...kinds].sort()).toEqual(['not-stored', 'stored', 'unknown']);
  expect(model.files().get(name)?.subarray(0, before.length)).toEqual(before);
  expect(segments.list.slice(0, -1).every(({ isSealed }) => isSealed)).toBe(true);
});

test('writer.append() leaves a file alone that stands under the name of its next segment', async () => {
  const { writer, model, disk } = spoolParts();
  const other = await disk.create('000000000001.spool');
  await other.append(Buffer.from('of somebody else'));
  expect(await writer.append([record('one')])).toMatchObject({ kind: 'not-stored' });
  expect(model.files().get('000000000001.spool')?.toString()).toBe('of somebody else');
  expect(await writer.append([record('two')])).toEqual({ kind: 'stored' });
  expect([...model.files().keys()]).toEqual(['000000000001.spool', '000000000002.spool']);
});

test('writer.append() begins a new segment when one is full, and after seal(); what is stored survives a crash', async () => {
  const { writer, model, segments } = spoolParts();
  for (let i = 0; i < 20; i++) await writer.append([record(`r-${i}`)]);
  expect(segments.list.length).toBeGreaterThan(1);
  writer.seal();
  await writer.append([record('last')]);
  expect(segments.list.at(-1)).toMatchObject({ records: 1, isSealed: false });
  model.crash();
  const all = Buffer.concat([...model.files().values()]);
  for (const value of [...Array.from({ length: 20 }, (_, i) => `r-${i}`), 'last']) expect(all.includes(value)).toBe(true);
});

test('writer.probe() throws while the disk fails, and leaves no file', async () => {
  const { writer, model } = spoolParts();
  model.failing.share = 1;
  await expect(writer.probe()).rejects.toMatchObject({ code: 'GBX_SPOOL_FAILED' });
  model.failing.share = 0;
  await writer.probe();
  expect([...model.files().keys()]).toEqual([]);
});
