import { describe, expect, test } from 'vitest';
import type { LogRecord } from '../../src/core/exposure/exposure.ts';
import type { DeadLetter } from '../../src/core/load/ports.ts';
import { deadLetterHeaders } from '../../src/kafka/headers.ts';

function letter(headers: LogRecord['headers'], message = 'not JSON'): DeadLetter {
  const record = { partition: 3, offset: 42n, timestampMs: 1000, key: null, value: null, headers };
  return { record, code: 'GBX_NOT_JSON', message, stage: 'decode' };
}

const options = { sourceTopic: 'exposures', nowMs: 5000 };

describe('deadLetterHeaders()', () => {
  test('does not believe an origin or a first failure that gbx did not write', () => {
    const headers = deadLetterHeaders(letter({ 'gbx-origin': 'nonsense', 'gbx-first-failed-at': 'yesterday' }), options);
    expect(headers).toMatchObject({ 'gbx-origin': 'exposures/3/42/1000', 'gbx-first-failed-at': '5000' });
  });

  test('keeps the first origin and the first failure of a copy', () => {
    const headers = deadLetterHeaders(
      letter({ 'gbx-origin': Buffer.from('exposures/0/7/99'), 'gbx-first-failed-at': Buffer.from('77') }),
      options,
    );
    expect(headers).toMatchObject({ 'gbx-origin': 'exposures/0/7/99', 'gbx-first-failed-at': '77', 'gbx-last-failed-at': '5000' });
  });

  test('keeps what others wrote, byte for byte', () => {
    const trace = Buffer.from([0xff, 0]);
    expect(deadLetterHeaders(letter({ trace, many: ['a', 'b'] }), options)).toMatchObject({ trace, many: ['a', 'b'] });
  });

  test('says why, in one short line', () => {
    const headers = deadLetterHeaders(letter({}, `first\n second ${'x'.repeat(500)}`), options);
    expect(headers['gbx-error-message']).toMatch(/^first second x+…$/);
    expect(headers['gbx-error-message']).toHaveLength(256);
    expect(headers).toMatchObject({ 'gbx-error-code': 'GBX_NOT_JSON', 'gbx-error-stage': 'decode' });
  });

  test('leaves the message out when it has to be brief', () => {
    const headers = deadLetterHeaders(letter({ 'gbx-error-message': 'an old one' }), { ...options, brief: true });
    expect(headers).not.toHaveProperty('gbx-error-message');
  });
});
