import { describe, expect, it } from 'vitest';
import { parsePidFile } from '../../src/dev/pid-file.ts';

describe('parsePidFile()', () => {
  it('knows no process in a file that is empty, cut off or something else', () => {
    expect(['', '\n', 'abc 12', '-1 5'].map(parsePidFile)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('reads pid and start time, the latter where there is one', () => {
    expect(parsePidFile('12 345\n')).toEqual({ pid: 12, startTime: '345' });
    expect(parsePidFile('12 \n')).toEqual({ pid: 12, startTime: undefined });
  });
});
