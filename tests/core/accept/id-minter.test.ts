import { expect, test } from 'vitest';
import { createIdMinter } from '../../../src/core/accept/id-minter.ts';
import { fixedClock } from '../../support/clock.ts';

test('createIdMinter() uses no random byte twice, across blocks', () => {
  let next = 0;
  const mint = createIdMinter(fixedClock(0), (block) => {
    for (let i = 0; i < block.length; i += 4) new DataView(block.buffer, block.byteOffset).setUint32(i, next++);
  });
  const ids = Array.from({ length: 2000 }, mint);
  expect(new Set(ids).size).toBe(2000);
});

test('createIdMinter() mints UUIDs of version 7 that carry the time', () => {
  const id = createIdMinter(fixedClock(Date.UTC(2026, 0, 15)))();
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
  expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.UTC(2026, 0, 15));
});
