import { describe, expect, it } from 'vitest';
import type { RecordHeaders } from '../../../src/core/exposure/exposure.ts';
import { notBeforeOf, retryCountOf } from '../../../src/core/load/retry-headers.ts';
import { exposureRecord } from './fakes.ts';

const ORIGIN = { 'gbx-origin': 'exposures/0/5/1768435200000' };
const withHeaders = (headers: RecordHeaders) => ({ ...exposureRecord(0), headers });

describe('retryCountOf()', () => {
  it.each([
    ['no headers', {}],
    ['no origin', { 'gbx-retry-count': '2' }],
    ['an origin that is none', { 'gbx-origin': 'x', 'gbx-retry-count': '2' }],
    ['a huge count', { ...ORIGIN, 'gbx-retry-count': '999999999' }],
    ['a count above the setting', { ...ORIGIN, 'gbx-retry-count': '4' }],
    ['a negative count', { ...ORIGIN, 'gbx-retry-count': '-1' }],
    ['another notation', { ...ORIGIN, 'gbx-retry-count': '0x2' }],
    ['spaces', { ...ORIGIN, 'gbx-retry-count': ' 2' }],
    ['a fraction', { ...ORIGIN, 'gbx-retry-count': '1.5' }],
    ['leading zeros', { ...ORIGIN, 'gbx-retry-count': '02' }],
    ['other digits', { ...ORIGIN, 'gbx-retry-count': '\u0662' }],
    ['the header twice', { ...ORIGIN, 'gbx-retry-count': ['1', '2'] }],
    ['nothing', { ...ORIGIN, 'gbx-retry-count': '' }],
    ['a megabyte', { ...ORIGIN, 'gbx-retry-count': Buffer.alloc(1_000_000, '1') }],
  ])('is 0 for %s', (_, headers) => {
    expect(retryCountOf(withHeaders(headers), 3)).toBe(0);
  });

  it('is what the copy says, up to the setting, as text or bytes', () => {
    expect(retryCountOf(withHeaders({ ...ORIGIN, 'gbx-retry-count': '3' }), 3)).toBe(3);
    expect(retryCountOf(withHeaders({ 'gbx-origin': Buffer.from(ORIGIN['gbx-origin']), 'gbx-retry-count': Buffer.from('1') }), 3)).toBe(1);
  });
});

describe('notBeforeOf()', () => {
  it.each([
    ['no origin', { 'gbx-not-before': '1768435200000' }],
    ['no number', { ...ORIGIN, 'gbx-not-before': 'tomorrow' }],
    ['a number without end', { ...ORIGIN, 'gbx-not-before': '9'.repeat(16) }],
    ['a negative number', { ...ORIGIN, 'gbx-not-before': '-5' }],
    ['the header twice', { ...ORIGIN, 'gbx-not-before': ['1768435200000', '1768435200000'] }],
  ])('is undefined for %s', (_, headers) => {
    expect(notBeforeOf(withHeaders(headers))).toBeUndefined();
  });

  it('is the time of a copy that names its origin', () => {
    expect(notBeforeOf(withHeaders({ ...ORIGIN, 'gbx-not-before': Buffer.from('1768435200123') }))).toBe(1768435200123);
  });
});
