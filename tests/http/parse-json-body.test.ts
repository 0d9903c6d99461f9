import { expect, test } from 'vitest';
import { parseJsonBody } from '../../src/http/parse-json-body.ts';

test.each<[string, unknown]>([
  ['no body at all', undefined],
  ['an empty body', Buffer.alloc(0)],
  ['truncated JSON', Buffer.from('{"ds_user_id":"u')],
  ['two documents', Buffer.from('{}{}')],
  ['a bare word', Buffer.from('NaN')],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
  ['half a character at the end', Buffer.concat([Buffer.from('"'), Buffer.from('é').subarray(0, 1)])],
  ['binary', Buffer.from([0x1f, 0x8b, 0x08, 0x00])],
])('parseJsonBody() says what is wrong with %s, and quotes nothing of it', (_name, body) => {
  const parsed = parseJsonBody(body);
  expect(parsed.kind).toBe('wrong');
  expect(JSON.stringify(parsed)).not.toContain('ds_user_id');
});

test('parseJsonBody() takes a million levels without a stack overflow', () => {
  const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
  expect(parseJsonBody(Buffer.from(deep)).kind).toBe('json');
});

test('parseJsonBody() keeps __proto__ an ordinary key, and changes no prototype', () => {
  const parsed = parseJsonBody(Buffer.from('{"__proto__":{"isAdmin":true}}'));
  if (parsed.kind !== 'json') throw new Error('it was not parsed');
  expect(Object.getPrototypeOf(parsed.value)).toBe(Object.prototype);
  expect((parsed.value as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

test('parseJsonBody() skips a byte order mark', () => {
  expect(parseJsonBody(Buffer.from('\uFEFF{"a":1}'))).toEqual({ kind: 'json', value: { a: 1 } });
});
