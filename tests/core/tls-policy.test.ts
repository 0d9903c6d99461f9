import { expect, test } from 'vitest';
import { decideTls, isLoopback } from '../../src/core/tls-policy.ts';

test.each(['db.example.com', '10.0.0.1', '128.0.0.1', 'localhost.example.com', '1127.0.0.1', '', '::2', '0.0.0.0'])(
  'isLoopback() says no to %j',
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);

test.each(['localhost', 'LOCALHOST', 'db.localhost', '127.0.0.1', '127.255.0.9', '::1', '[::1]', '::ffff:127.0.0.1'])(
  'isLoopback() says yes to %j',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each([
  ['auto', ['a.example'], { on: true, exposed: false }],
  ['auto', ['localhost'], { on: false, exposed: false }],
  ['auto', ['localhost', 'a.example'], { on: true, exposed: false }],
  ['on', ['localhost'], { on: true, exposed: false }],
  ['off', ['a.example'], { on: false, exposed: true }],
  ['off', ['localhost', 'a.example'], { on: false, exposed: true }],
  ['off', ['127.0.0.1'], { on: false, exposed: false }],
] as const)('decideTls() with %s towards %j', (setting, hosts, decision) => {
  expect(decideTls(setting, hosts)).toEqual(decision);
});
