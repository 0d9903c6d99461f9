import { describe, expect, it } from 'vitest';
import { parseLogLine } from '../../src/dev/gbx-process.ts';

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
