import { describe, expect, test } from 'vitest';
import {
  parseBurst,
  parseCount,
  parseLate,
  parseRate,
  parseShare,
  parseStages,
  readDuration,
} from '../../../src/core/produce/parse-plan.ts';

const PARSERS = { parseRate, parseStages, parseBurst, parseShare, parseLate, parseCount };

describe('a wrong text is a usage error that names its flag', () => {
  test.each([
    ['parseRate', '0'],
    ['parseRate', '0/s'],
    ['parseRate', '-5/s'],
    ['parseRate', '10/h'],
    ['parseRate', '2000k'],
    ['parseRate', 'maximum'],
    ['parseStages', '100/s'],
    ['parseStages', '100/s:0s'],
    ['parseStages', '0/s:10s'],
    ['parseStages', '100/s:10s,'],
    ['parseStages', 'max:10s'],
    ['parseBurst', '200'],
    ['parseBurst', '0:2s'],
    ['parseBurst', '200:0s'],
    ['parseBurst', '200:2s:1'],
    ['parseShare', '101%'],
    ['parseShare', '2'],
    ['parseShare', 'some'],
    ['parseLate', '1%:0s'],
    ['parseLate', '1%:soon'],
    ['parseCount', '0'],
    ['parseCount', '1.5'],
  ] as const)('%s(%j)', (name, text) => {
    expect(() => PARSERS[name]('--flag', text)).toThrow(
      expect.objectContaining({ code: 'GBX_USAGE', message: expect.stringMatching(/^Cannot read --flag ".*": it must be /u) }),
    );
  });
});

test('parseRate() reads a rate per second or minute, with thousands, or max', () => {
  expect(['500/s', '500', '30k/m', '0.5', 'max'].map((text) => parseRate('--rate', text))).toEqual([500, 500, 500, 0.5, 'max']);
});

test('parseStages() reads even stages and ramps', () => {
  expect(parseStages('--stage', '100/s:30s, 0-1k/s:1m,60-120/m:1h30m')).toEqual([
    { fromPerSecond: 100, toPerSecond: 100, durationMs: 30_000 },
    { fromPerSecond: 0, toPerSecond: 1000, durationMs: 60_000 },
    { fromPerSecond: 1, toPerSecond: 2, durationMs: 5_400_000 },
  ]);
});

test('parseBurst(), parseShare(), parseLate(), parseCount() and readDuration() read what they show', () => {
  expect(parseBurst('--burst', '2k:500ms')).toEqual({ count: 2000, everyMs: 500 });
  expect([parseShare('--x', '0.5%'), parseShare('--x', '0.25'), parseShare('--x', '0%')]).toEqual([0.005, 0.25, 0]);
  expect(parseLate('--late', '1%')).toEqual({ share: 0.01, lateMs: 3_600_000 });
  expect(parseLate('--late', '2%:40d')).toEqual({ share: 0.02, lateMs: 40 * 86_400_000 });
  expect(['7', '10k', '2m'].map((text) => parseCount('--count', text))).toEqual([7, 10_000, 2_000_000]);
  expect(['2', '1.5s', '1m30s', '1x', ''].map(readDuration)).toEqual([2000, 1500, 90_000, undefined, undefined]);
});
