import { expect, test } from 'vitest';
import { nearestName } from '../../src/core/nearest-name.ts';

const NAMES = ['GBX_TOPIC', 'GBX_DATA_DIR', 'GBX_HTTP_HOST', 'GBX_HTTP_PORT'];

test('nearestName() finds nothing where nothing is near', () => {
  expect(nearestName('GBX_COLOUR', NAMES)).toBeUndefined();
  expect(nearestName('GBX_TOPIC', [])).toBeUndefined();
});

test.each([
  ['GBX_TOPC', 'GBX_TOPIC'],
  ['GBX_DATADIR', 'GBX_DATA_DIR'],
  ['GBX_HTTP_PROT', 'GBX_HTTP_PORT'],
  ['GBX_HTTP_HOSTS', 'GBX_HTTP_HOST'],
])('nearestName() takes %s for %s', (name, meant) => {
  expect(nearestName(name, NAMES)).toBe(meant);
});
