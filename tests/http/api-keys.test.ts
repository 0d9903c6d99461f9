import { expect, test } from 'vitest';
import { isLoopback } from '../../src/core/tls-policy.ts';
import { createKeyCheck, isLocalRequest } from '../../src/http/api-keys.ts';

test.each([
  undefined,
  '',
  'Bearer',
  'Bearer ',
  'Bearer wrong',
  'Bearer first second',
  'Basic first',
  'first',
  'Bearer firs',
  'Bearer first\u0000',
  'Bearer FIRST',
])('createKeyCheck() refuses the header %j', (header) => {
  expect(createKeyCheck(['first', 'second'])(header)).toBe(false);
});

test('createKeyCheck() takes each of the keys, and without keys none, an empty one included', () => {
  const hasKey = createKeyCheck(['first', 'second']);
  expect(['Bearer first', 'bearer second', 'Bearer  first '].map(hasKey)).toEqual([true, true, true]);
  expect(createKeyCheck([])('Bearer first')).toBe(false);
  expect(createKeyCheck([''])('Bearer ')).toBe(false);
});

test.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.example.com', 'localhost.example.com', '', '1270.0.0.1'])(
  'isLoopback() is false for %j',
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);

test.each(['127.0.0.1', '127.8.9.10', 'localhost', 'LOCALHOST', '::1', '[::1]'])('isLoopback() is true for %j', (host) => {
  expect(isLoopback(host)).toBe(true);
});

test('isLocalRequest() is false through a proxy, and under a name of somebody else', () => {
  expect(isLocalRequest({ host: '127.0.0.1:8000', 'x-forwarded-for': '203.0.113.9' })).toBe(false);
  expect(isLocalRequest({ host: '127.0.0.1:8000', forwarded: 'for=203.0.113.9' })).toBe(false);
  expect(isLocalRequest({ host: 'rebound.example.com:8000' })).toBe(false);
  expect(isLocalRequest({})).toBe(false);
});

test('isLocalRequest() is true for the addresses of this machine', () => {
  expect(['127.0.0.1:8000', 'localhost', '[::1]:8000'].map((host) => isLocalRequest({ host }))).toEqual([true, true, true]);
});
