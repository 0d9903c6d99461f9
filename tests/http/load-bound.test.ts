import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { createLoadBound } from '../../src/http/load-bound.ts';

const response = (): ServerResponse => new EventEmitter() as unknown as ServerResponse;

test('enter() refuses beyond the number of requests, until one of them is closed', () => {
  const bound = createLoadBound({ requestsMax: 2, bytesMax: 1000, bodyBytesMax: 100 });
  const first = response();
  expect(bound.enter('10', first)).toBe(true);
  expect(bound.enter('10', response())).toBe(true);
  expect(bound.enter('10', response())).toBe(false);
  first.emit('close');
  expect(bound.requests).toBe(1);
  expect(bound.enter('10', response())).toBe(true);
});

test('enter() refuses beyond the announced bytes; an unknown or absurd size counts as the largest body', () => {
  const bound = createLoadBound({ requestsMax: 100, bytesMax: 250, bodyBytesMax: 100 });
  expect(bound.enter(undefined, response())).toBe(true);
  expect(bound.enter('99999999999', response())).toBe(true);
  expect(bound.enter('60', response())).toBe(false);
  expect(bound.enter('50', response())).toBe(true);
});

test('enter() always lets one request in', () => {
  const bound = createLoadBound({ requestsMax: 0, bytesMax: 1, bodyBytesMax: 100 });
  expect(bound.enter('100', response())).toBe(true);
  expect(bound.enter('1', response())).toBe(false);
});
