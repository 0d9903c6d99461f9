import { describe, expect, it } from 'vitest';
import { asGbxError, ERROR_CODES, GbxError } from '../../src/core/errors.ts';

describe('ERROR_CODES', () => {
  it('gives each code a next step and an exit code of the documented set', () => {
    for (const [code, { exit, hint }] of Object.entries(ERROR_CODES)) {
      expect(hint, code).not.toBe('');
      expect([1, 2, 65, 69, 70, 75, 77, 78, 124], code).toContain(exit);
    }
  });
});

describe('asGbxError()', () => {
  it('takes whatever was thrown for a bug, and keeps it as the cause', () => {
    for (const thrown of [new TypeError('oops'), 'oops', undefined, null]) {
      const error = asGbxError(thrown);
      expect(error).toMatchObject({ code: 'GBX_BUG', exitCode: 70, failure: 'fatal' });
      expect(error.cause).toBe(thrown === undefined ? undefined : thrown);
    }
  });

  it('leaves a GbxError as it is', () => {
    const error = new GbxError('GBX_CONFIG', 'no', { from: 'DB_HOST (.env)', hint: 'set it' });
    expect(asGbxError(error)).toBe(error);
    expect(error).toMatchObject({ exitCode: 78, from: 'DB_HOST (.env)', hint: 'set it' });
  });
});
