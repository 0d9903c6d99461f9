import { expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { createLogger, type LogLevel } from '../../src/telemetry/create-logger.ts';
import { fixedClock } from '../support/clock.ts';

const clock = fixedClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678));

function logger(format: 'json' | 'text', level: LogLevel = 'debug') {
  const lines: string[] = [];
  return { lines, log: createLogger({ level, format, write: (line) => lines.push(line), clock, secrets: ['hunter22'] }) };
}

test('createLogger() writes no line of a lesser level', () => {
  for (const format of ['json', 'text'] as const) {
    const { lines, log } = logger(format, 'warn');
    log.debug('a.debug');
    log.info('a.info');
    log.warn('a.warn');
    log.error('an.error');
    expect(lines).toHaveLength(2);
  }
});

test('createLogger() hides fields named like secrets, and secrets in errors', () => {
  for (const format of ['json', 'text'] as const) {
    const { lines, log } = logger(format);
    log.warn('db.refused', { password: 'x1', dbPassword: 'x2', apiKeys: 'x3', authorization: 'x4', error: new Error('hunter22') });
    expect(lines.join('')).not.toMatch(/x1|x2|x3|x4|hunter22/u);
  }
});

test('createLogger() keeps every line one line, whatever the fields hold', () => {
  for (const format of ['json', 'text'] as const) {
    const { lines, log } = logger(format);
    log.info('user.seen', { evil: 'a\nb\u001b[31mred\u009b' });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(lines[0]).not.toContain('\u001b');
  }
});

test('createLogger() lets no field take the place of level, time or event', () => {
  const { lines, log } = logger('json');
  log.info('batch.loaded', { level: 3, time: 'x', event: 'y' });
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'info',
    time: '2026-01-02T03:04:05.678Z',
    event: 'batch.loaded',
    level_: 3,
    time_: 'x',
    event_: 'y',
  });
});

test('createLogger() writes JSON with offsets as numbers and errors with code, hint and causes', () => {
  const { lines, log } = logger('json');
  log.error('flush.failed', {
    offset: 12n,
    skipped: undefined,
    error: new GbxError('GBX_WAREHOUSE_BUSY', 'locked', { cause: new Error('why') }),
  });
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'error',
    time: '2026-01-02T03:04:05.678Z',
    event: 'flush.failed',
    offset: 12,
    error: { code: 'GBX_WAREHOUSE_BUSY', message: 'locked', hint: 'another session holds the lock; try again', cause: { message: 'why' } },
  });
});

test('createLogger() writes text for people: short, values bare where they can be', () => {
  const { lines, log } = logger('text');
  log.info('serve.listening', { url: 'http://localhost:8000', rows: 3, offset: 12n, topic: 'a b', skipped: undefined });
  log.error('kafka.lost', {
    error: new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker answers', { cause: new Error('refused'), hint: 'wait' }),
  });
  expect(lines).toEqual([
    '03:04:05.678 INFO  serve.listening url=http://localhost:8000 rows=3 offset=12 topic="a b"\n',
    '03:04:05.678 ERROR kafka.lost error="GBX_KAFKA_UNREACHABLE: no broker answers; because refused" hint=wait\n',
  ]);
});

test('createLogger() survives fields that cannot be written', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  for (const format of ['json', 'text'] as const) {
    const { lines, log } = logger(format);
    log.info('odd.fields', { circular, nested: { big: 1n }, nothing: null, fn: () => 1 });
    expect(lines).toHaveLength(1);
  }
});
