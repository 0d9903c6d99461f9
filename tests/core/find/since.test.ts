import { expect, test } from 'vitest';
import { mintId } from '../../../src/core/exposure/identity.ts';
import { beginOf } from '../../../src/core/find/since.ts';

const NOW_MS = Date.UTC(2026, 0, 31);
const DAY_MS = 86_400_000;

function idFrom(ms: number): { kind: 'id'; exposureId: string } {
  return { kind: 'id', exposureId: mintId(ms, new Uint8Array(10)) };
}

test('beginOf() takes what was asked, for rows too where it is a time', () => {
  const since = { kind: 'time', ms: NOW_MS - 3_600_000 } as const;
  expect(beginOf({ since, wanted: idFrom(0) }, NOW_MS)).toEqual({ place: since, rowsFromMs: since.ms, why: 'asked' });
  const all = beginOf({ since: { kind: 'earliest' }, wanted: idFrom(0) }, NOW_MS);
  expect(all.rowsFromMs).toBe(Date.UTC(2000, 0, 1));
  expect(beginOf({ since: { kind: 'offset', offset: 1n }, wanted: idFrom(0) }, NOW_MS).rowsFromMs).toBe(NOW_MS - DAY_MS);
});

test('beginOf() begins a day ago, or an hour before an id that tells that it is older', () => {
  const begin = (wanted: Parameters<typeof beginOf>[0]['wanted']) => beginOf({ since: undefined, wanted }, NOW_MS);
  const dayAgo = { place: { kind: 'time', ms: NOW_MS - DAY_MS }, why: 'a day ago' };
  expect(begin({ kind: 'id', exposureId: 'any' })).toMatchObject(dayAgo);
  expect(begin(idFrom(NOW_MS - 1_000))).toMatchObject(dayAgo);
  // A time before gbx: no id of its own.
  expect(begin(idFrom(1_000))).toMatchObject(dayAgo);
  expect(begin({ kind: 'who', dsUserId: 'u', experimentId: undefined })).toMatchObject(dayAgo);
  const minted = NOW_MS - 3 * DAY_MS;
  expect(begin(idFrom(minted))).toMatchObject({ place: { kind: 'time', ms: minted - 3_600_000 }, why: 'the time in the id' });
});
