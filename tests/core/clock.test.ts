import { expect, test } from 'vitest';
import { raceAbort } from '../../src/core/clock.ts';

test('raceAbort() gives what comes, and throws what the signal says where that comes first', async () => {
  const stopping = new AbortController();
  expect(await raceAbort(stopping.signal, Promise.resolve(1))).toBe(1);
  await expect(raceAbort(stopping.signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
  const waiting = raceAbort(stopping.signal, new Promise(() => undefined));
  stopping.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
  await expect(raceAbort(stopping.signal, Promise.resolve(1))).rejects.toThrow('stopped');
});
