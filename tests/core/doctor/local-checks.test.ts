import { expect, test } from 'vitest';
import {
  judgeFolder,
  judgeLeft,
  judgeMemory,
  judgeNode,
  judgeOpenFiles,
  judgeSetAside,
  judgeSpace,
} from '../../../src/core/doctor/local-checks.ts';

test.each([
  ['18.20.0', 'fail'],
  ['20.18.9', 'fail'],
  ['20.19.0', 'ok'],
  ['24.1.0', 'ok'],
])('judgeNode() of %s is %s', (node, state) => {
  expect(judgeNode({ node }).state).toBe(state);
});

test.each([
  [4e9, 2e9, 8_000_000, 'ok'],
  [128e6, 2e9, 8_000_000, 'warn'],
  [4e9, 256e6, 64_000_000, 'warn'],
])('judgeMemory() of %i bytes, %i for JavaScript, with batches of %i, is %s', (memoryBytesMax, heapBytesMax, batch, state) => {
  expect(judgeMemory({ memoryBytesMax, heapBytesMax }, batch).state).toBe(state);
});

test.each([
  [undefined, 'unknown'],
  [256, 'warn'],
  [1024, 'ok'],
  [Number.POSITIVE_INFINITY, 'ok'],
])('judgeOpenFiles() of %s is %s', (openFilesMax, state) => {
  expect(judgeOpenFiles({ openFilesMax }).state).toBe(state);
});

const folder = { isFolder: true, isWritable: true, freeBytes: 5e9, files: 0, bytes: 0, setAside: 0 };

test('judgeFolder() asks for a folder that can be written to', () => {
  expect(judgeFolder(undefined, '/s')).toMatchObject({ state: 'fail', found: '/s is not there' });
  expect(judgeFolder({ ...folder, isFolder: false }, '/s').state).toBe('fail');
  expect(judgeFolder({ ...folder, isWritable: false }, '/s').state).toBe('fail');
  expect(judgeFolder(folder, '/s').state).toBe('ok');
});

test('judgeSpace() counts what the spool holds as room that it has', () => {
  expect(judgeSpace({ ...folder, freeBytes: 4e8, bytes: 7e8 }, 1e9).state).toBe('ok');
  expect(judgeSpace({ ...folder, freeBytes: 4e8 }, 1e9)).toMatchObject({ state: 'warn', todo: expect.stringContaining('503') });
});

test('judgeLeft() warns of what nobody may be sending', () => {
  expect(judgeLeft(folder).state).toBe('ok');
  expect(judgeLeft({ ...folder, files: 2, bytes: 1_500 })).toMatchObject({ state: 'warn', found: '1.5 kB in 2 files wait for Kafka' });
});

test('judgeSetAside() warns of what no serve will send any more', () => {
  expect(judgeSetAside(folder).state).toBe('ok');
  expect(judgeSetAside({ ...folder, setAside: 1 })).toMatchObject({ state: 'warn', found: expect.stringContaining('1 file') });
});
