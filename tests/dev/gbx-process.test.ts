import { describe, expect, it } from 'vitest';
import { describeEnd, findErrorCode, parseLogLine } from '../../src/dev/gbx-process.ts';

describe('findErrorCode()', () => {
  it('is that of the last error that was printed; undefined without one', () => {
    expect(findErrorCode(['{"level":"warn"}', 'error: port 8001 is taken [GBX_PORT_IN_USE]', '  try:   another [GBX_BUG]'])).toBe(
      'GBX_PORT_IN_USE',
    );
    expect(findErrorCode(['the error: x [GBX_BUG]', ''])).toBeUndefined();
  });
});

describe('parseLogLine()', () => {
  it('is undefined for what is no line of the log', () => {
    expect(['', 'error: no', '{', '[]', '{"level":"info"}', '{"event":"x"}', '{"level":1,"event":"x"}'].map(parseLogLine)).toEqual(
      Array(7).fill(undefined),
    );
  });

  it('takes level and event apart from the fields', () => {
    expect(parseLogLine('{"level":"info","event":"batch.loaded","rows":3}')).toEqual({
      level: 'info',
      event: 'batch.loaded',
      fields: { rows: 3 },
    });
  });
});

describe('describeEnd()', () => {
  it('names the fresh start where Kafka and the warehouse are of different runs, and else what its last lines say', () => {
    const ahead = ['error: GBX_COMMITTED_AHEAD: the group stands at 7, the ledger at 3'];
    expect(describeEnd('consume', { code: 78, lastWords: ahead }).hint).toContain('npm start -- --fresh');
    expect(describeEnd('consume', { code: 77, lastWords: ['error: GBX_KAFKA_AUTH'] }).hint).toContain('its last lines');
  });
});
