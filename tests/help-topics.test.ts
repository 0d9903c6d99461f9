import { describe, expect, test } from 'vitest';
import { ERROR_CODES, EXIT } from '../src/core/errors.ts';
import { helpTopic } from '../src/help-topics.ts';

const page = (...words: string[]): string | undefined => helpTopic({ words, isJson: false });

describe('helpTopic()', () => {
  test('refuses a code that is none, with the nearest one', () => {
    expect(() => page('errors', 'GBX_KAFKA_TSL')).toThrow("there is no error code 'GBX_KAFKA_TSL' (Did you mean GBX_KAFKA_TLS?)");
    expect(() => page('errors', 'nonsense-altogether')).toThrow(/'nonsense-altogether'$/u);
  });

  test('refuses words that it would ignore', () => {
    expect(() => page('exit-codes', '78')).toThrow('too many arguments');
    expect(() => page('errors', 'GBX_BUG', 'GBX_USAGE')).toThrow('too many arguments');
  });

  test('leaves what is no topic to others', () => {
    expect([page(), page('serve'), page('--help')]).toEqual([undefined, undefined, undefined]);
  });

  test('tells every exit code', () => {
    for (const code of [...Object.values(EXIT), 129, 130, 143]) expect(page('exit-codes')).toMatch(new RegExp(`^ +${code}  \\w`, 'mu'));
  });

  test('tells every error with its exit code and next step', () => {
    const lines = (page('errors') ?? '').split('\n');
    for (const [code, { exit, hint }] of Object.entries(ERROR_CODES)) {
      const line = lines.find((one) => one.trim().startsWith(`${code} `));
      expect(line).toContain(` ${exit}  ${hint}`);
    }
  });

  test('tells one error, by its code as it stands in a log or without its prefix', () => {
    expect(page('errors', 'GBX_TOPIC_MISSING')).toBe(
      'GBX_TOPIC_MISSING\n  exit code: 78, the configuration does not fit\n' +
        '  meanwhile: a running pipeline holds, loudly, until somebody mends it\n  try:       create it: gbx migrate up\n',
    );
    expect(page('errors', 'topic-missing')).toBe(page('errors', 'GBX_TOPIC_MISSING'));
  });

  test('answers programs with one document', () => {
    const errors = JSON.parse(helpTopic({ words: ['errors'], isJson: true }) ?? '');
    expect(errors).toMatchObject({ schema: 'gbx.errors/1' });
    expect(errors.errors).toHaveLength(Object.keys(ERROR_CODES).length);
    expect(JSON.parse(helpTopic({ words: ['exit-codes'], isJson: true }) ?? '')).toMatchObject({
      schema: 'gbx.exit-codes/1',
      exitCodes: expect.arrayContaining([{ exitCode: 124, meaning: 'out of time' }]),
    });
  });
});
