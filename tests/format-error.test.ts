import { describe, expect, test } from 'vitest';
import { asGbxError, GbxError } from '../src/core/errors.ts';
import { errorDocument, formatError, jsonFormIn, jsonFormOf } from '../src/format-error.ts';

const facts = { about: 'gbx 1.2.3, node 20, linux x64', secrets: ['hunter22'] };

describe('formatError()', () => {
  test('shows message, code, cause chain, origin and next step, and no stack', () => {
    const cause = new Error('socket closed', { cause: new Error('connect ECONNREFUSED 10.0.0.7:9092') });
    const error = new GbxError('GBX_KAFKA_UNREACHABLE', 'cannot reach Kafka at kafka-1:9092', {
      cause,
      from: 'KAFKA_BOOTSTRAP_SERVERS (environment)',
    });
    expect(formatError(error, facts).split('\n')).toEqual([
      'error: cannot reach Kafka at kafka-1:9092 [GBX_KAFKA_UNREACHABLE]',
      '  cause: socket closed',
      '  cause: connect ECONNREFUSED 10.0.0.7:9092',
      '  from:  KAFKA_BOOTSTRAP_SERVERS (environment)',
      '  try:   check KAFKA_BOOTSTRAP_SERVERS and that the brokers are up',
      '',
    ]);
  });

  test('keeps the code in the first line of a message of several', () => {
    const error = new GbxError('GBX_CONFIG', '2 settings are wrong:\n  A: x\n  B: y', { hint: 'mend them' });
    expect(formatError(error, facts)).toBe('error: 2 settings are wrong: [GBX_CONFIG]\n  A: x\n  B: y\n  try:   mend them\n');
  });

  test('blots out secrets, in causes too', () => {
    const error = new GbxError('GBX_WAREHOUSE_AUTH', 'login failed', { cause: new Error('password hunter22 refused at pg://u:other@h') });
    expect(formatError(error, facts)).toContain('cause: password [secret] refused at pg://u:[secret]@h');
  });

  test('opens an AggregateError and leaves out a cause that only repeats', () => {
    const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')]);
    const inner = new Error('no answer', { cause: refused });
    const text = formatError(new GbxError('GBX_SERVE_UNREACHABLE', 'no answer', { cause: inner }), facts);
    expect(text.match(/cause:.*/gu)).toEqual(['cause: connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1']);
  });

  test('ends with a chain that is a circle', () => {
    const cause = new Error('round');
    cause.cause = new Error('and round', { cause });
    expect(formatError(new GbxError('GBX_BUG', 'top', { cause }), facts)).toContain('cause: round');
  });

  test('gives stack, versions and platform for a bug', () => {
    const text = formatError(asGbxError(new TypeError('x is not a function')), facts);
    expect(text).toContain('error: x is not a function [GBX_BUG]');
    expect(text).toContain('gbx 1.2.3, node 20, linux x64');
    expect(text).toMatch(/\n {6}at .*format-error\.test\.ts/u);
    expect(text).not.toContain('cause:');
  });

  test('names what was thrown when it was no error', () => {
    expect(formatError(asGbxError('just a text'), facts)).toContain('error: just a text [GBX_BUG]');
  });
});

test('errorDocument() is one line of JSON with the schema, without secrets', () => {
  const text = errorDocument(new GbxError('GBX_SERVE_UNREACHABLE', 'no answer: hunter22'), facts);
  expect(text.endsWith('}\n')).toBe(true);
  expect(JSON.parse(text)).toEqual({
    schema: 'gbx.error/1',
    error: {
      code: 'GBX_SERVE_UNREACHABLE',
      message: 'no answer: [secret]',
      hint: 'is `gbx serve` running, and is --url right?',
      exitCode: 69,
    },
  });
});

test.each([
  [['lag'], undefined],
  [['lag', '--json'], 'document'],
  [['lag', '--', '--json'], undefined],
  [['lag', '--output', 'json'], 'document'],
  [['lag', '--output=ndjson'], 'lines'],
  [['lag', '--output', 'csv'], undefined],
] as const)('jsonFormIn() of %j is %s', (argv, form) => {
  expect(jsonFormIn(argv)).toBe(form);
});

test('jsonFormOf() goes by what the options say', () => {
  expect(jsonFormOf({ json: true })).toBe('document');
  expect(jsonFormOf({ json: true, output: 'ndjson' })).toBe('lines');
  expect(jsonFormOf({ topic: '--json' })).toBeUndefined();
});
