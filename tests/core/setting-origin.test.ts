import { describe, expect, it } from 'vitest';
import { SETTING_KEYS, type Sources } from '../../src/core/config.ts';
import { GbxError } from '../../src/core/errors.ts';
import { withOrigin } from '../../src/core/setting-origin.ts';

const SOURCES = Object.fromEntries(SETTING_KEYS.map((key) => [key, key === 'dbHost' ? '.env' : 'default'])) as Sources;

describe('withOrigin()', () => {
  it('leaves alone what is no GbxError, has an origin already, or is about no setting', () => {
    const own = new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'no', { from: 'elsewhere' });
    for (const error of [new TypeError('x'), undefined, own, new GbxError('GBX_BUG', 'no')]) expect(withOrigin(error, SOURCES)).toBe(error);
  });

  it('tells the settings at fault and where each came from, and keeps the rest', () => {
    const cause = new Error('ECONNREFUSED');
    const error = withOrigin(new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'no', { cause, hint: 'start it' }), SOURCES);
    expect(error).toMatchObject({
      code: 'GBX_WAREHOUSE_UNREACHABLE',
      message: 'no',
      cause,
      hint: 'start it',
      from: 'DB_HOST (.env), DB_PORT (default)',
    });
  });
});
