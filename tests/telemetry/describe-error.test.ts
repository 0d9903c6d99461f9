import { expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { describeError } from '../../src/telemetry/describe-error.ts';

test('describeError() blots out passwords in URLs and the values given, anywhere in the chain of causes', () => {
  const cause = new Error('connect postgres://gbx:hunter22@db/dev failed for s3cretKey');
  const described = JSON.stringify(describeError(new GbxError('GBX_WAREHOUSE_AUTH', 'refused s3cretKey', { cause }), ['s3cretKey']));
  expect(described).not.toMatch(/hunter22|s3cretKey/u);
  expect(described).toContain('refused [secret]');
});

test('describeError() gives a stack to bugs only', () => {
  expect(describeError(new TypeError('x is not a function')).stack).toContain('TypeError');
  expect(describeError(new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker answers'))).toEqual({
    code: 'GBX_KAFKA_UNREACHABLE',
    message: 'no broker answers',
    hint: 'check KAFKA_BOOTSTRAP_SERVERS and that the brokers are up',
  });
});

test('describeError() keeps codes of causes, ends a long chain, and takes what is no error', () => {
  const loop = new Error('round');
  loop.cause = loop;
  expect(JSON.stringify(describeError(loop)).match(/round/gu)?.length).toBeLessThan(12);
  expect(describeError(new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'ECONNREFUSED' }) })).cause).toEqual({
    code: 'ECONNREFUSED',
    message: 'inner',
  });
  expect(describeError('just text')).toEqual({ message: 'just text' });
});

test('describeError() cuts a message of any length', () => {
  expect(describeError(new GbxError('GBX_BUG', 'x'.repeat(100_000))).message.length).toBeLessThan(600);
});
