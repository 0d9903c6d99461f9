import { describe, expect, test } from 'vitest';
import { headersBytes } from '../../../src/core/load/header-bytes.ts';

describe('headersBytes()', () => {
  test('is 0 without headers', () => {
    expect(headersBytes({})).toBe(0);
  });

  test('counts names, values and all values of a repeated header', () => {
    const value = Buffer.alloc(900_000);
    const one = headersBytes({ large: value });
    expect(one).toBeGreaterThanOrEqual(900_005);
    expect(headersBytes({ large: [value, value] })).toBeGreaterThanOrEqual(2 * 900_000);
    expect(headersBytes({ large: value, other: 'text' })).toBeGreaterThan(one + 9);
  });

  test('takes a header without a value for its name', () => {
    expect(headersBytes({ nothing: undefined })).toBeGreaterThan(0);
  });
});
