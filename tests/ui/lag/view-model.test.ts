import { describe, expect, it, test } from 'vitest';
import { helpReach } from '../../../src/ui/lag/help-page.ts';
import { HELP_KEYS } from '../../../src/ui/lag/keys.ts';
import { widthOf } from '../../../src/ui/lag/line.ts';
import { formatSummary, type Gaze, type LiveState, withFailure } from '../../../src/ui/lag/live-state.ts';
import { paint } from '../../../src/ui/lag/paint.ts';
import { layoutScreen, type Size } from '../../../src/ui/lag/view-model.ts';
import { MEMBER } from '../../core/lag/samples.ts';
import { samplesOf, stateOf } from './states.ts';

const PLAIN = { hasColor: false, isUnicode: true };

function draw(state: LiveState, size: Size, elapsedMs = state.goodAtMs): string[] {
  return layoutScreen(state, size, { elapsedMs }).map((line) => paint(line, PLAIN));
}

function withGaze(state: LiveState, gaze: Partial<Gaze>): LiveState {
  return { ...state, gaze: { ...state.gaze, ...gaze } };
}

const WIDTHS = [20, 40, 60, 80, 120, 200];
const HEIGHTS = [1, 5, 10, 15, 24, 60];
const SIZES = WIDTHS.flatMap((columns) => HEIGHTS.map((rows) => ({ columns, rows })));

/** Fifty partitions, large numbers, names that are long and strange, trouble of every kind. */
function worstState(): LiveState {
  const looks = Array.from({ length: 40 }, (_, nth) => Array.from({ length: 50 }, (__, at) => (at * 37 * nth) % 90_000));
  const target = { group: `g-${'x'.repeat(90)}`, topic: 't\u001b[2J漢字', deadLetterTopic: 'dlq', retryTopic: 'retry' };
  const members = [{ ...MEMBER, clientId: '\u0007bell'.repeat(20) }];
  const retries = { topic: 'retry', records: 12, newestAgeMs: undefined };
  return withFailure(stateOf(samplesOf(looks, { target, members, retries })), { code: 'X', message: 'away '.repeat(60) }, 0);
}

describe('layoutScreen()', () => {
  const pages = [
    {},
    { page: 'partition' as const, selected: 7 },
    { isHelp: true },
    { isTyping: true, filter: 'p[12' },
    { onlyLagging: true, isDelta: true },
  ];

  it.each(SIZES)('fills $columns columns and $rows rows exactly, whatever is wrong and wherever one looks', ({ columns, rows }) => {
    const state = worstState();
    for (const page of pages) {
      const lines = layoutScreen({ ...state, gaze: { ...state.gaze, ...page } }, { columns, rows }, { elapsedMs: 1_000_000 });
      expect(lines).toHaveLength(rows);
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
      const text = lines.map((line) => paint(line, PLAIN)).join('\n');
      expect(text.replaceAll('\n', '')).not.toMatch(/\p{C}|[\u2e80-\uffff]/u);
      for (const line of lines) expect(paint(line, { hasColor: false, isUnicode: false })).toMatch(/^[\x20-\x7e]*$/u);
    }
  });

  test('keeps lag and verdict at 20 columns', () => {
    const lines = draw(stateOf(samplesOf([[5_000, 0]])), { columns: 20, rows: 10 });
    expect(lines.slice(0, 6)).toEqual([
      'g  Stable          ●',
      '?  lag 5,000',
      'slowest unknown: on…',
      '  PART    LAG   S',
      '▌    0  5,000   ?',
      '     1      0   ●',
    ]);
  });

  test('has all of the help within reach, and no word of it cut, at any size that has a line for it', () => {
    const state = stateOf(samplesOf([[5, 0]]));
    const wanted = HELP_KEYS.flatMap(({ keys, about }) => `${keys} ${about}`.split(' '));
    for (const size of SIZES.filter(({ rows }) => rows >= 5)) {
      const topMax = helpReach(size)?.topMax ?? 0;
      const pages = Array.from({ length: topMax + 1 }, (_, helpTop) => draw(withGaze(state, { isHelp: true, helpTop }), size));
      const seen = new Set(pages.flatMap((lines) => lines.join(' ').split(/[\s]+/u)));
      expect({ size, missing: wanted.filter((word) => !seen.has(word)) }).toEqual({ size, missing: [] });
      // Beyond the end it stays at the end: a terminal that has grown.
      expect(draw(withGaze(state, { isHelp: true, helpTop: topMax + 7 }), size)).toEqual(pages.at(-1));
    }
  });

  test('says what of the help is out of sight, and keeps the state of the picture in sight', () => {
    const state = stateOf(samplesOf([[5, 0]]), { isHelp: true });
    const size = { columns: 20, rows: 10 };
    const first = draw(state, size);
    expect(first.slice(0, 4)).toEqual(['g  Stable          ●', 'q  quit (Ctrl-C:', '   exit 130)', '?  this help']);
    expect(first.at(-1)).toMatch(/^↓ \d+ more: j k$/u);
    const last = draw(withGaze(state, { helpTop: helpReach(size)?.topMax ?? 0 }), size);
    expect(last.at(-1)).toMatch(/^↑ \d+ more: j k$/u);
    const inner = draw(withGaze(state, { helpTop: 2 }), size);
    expect(inner.at(-1)).toMatch(/^↑ 2 {2}↓ \d+: j k$/u);
  });

  test('keeps the numbers in sight beside the help where there is room', () => {
    const state = stateOf(samplesOf([[5_000, 0]]), { isHelp: true });
    expect(draw(state, { columns: 200, rows: 50 }).join('\n')).toMatch(/lag 5,000[\s\S]*quit[\s\S]*look now/u);
    expect(helpReach({ columns: 80, rows: 24 })).toBeUndefined();
    expect(helpReach({ columns: 200, rows: 50 })).toBeUndefined();
  });

  test.each([
    [20, 'PART LAG S'],
    [60, 'PART LAG TREND BEHIND IN/s OUT/s ETA STATE'],
    [80, 'PART LOADED LAG TREND BEHIND IN/s OUT/s ETA STATE'],
    [120, 'PART LOADED END LAG TREND BEHIND IN/s OUT/s ETA STATE MEMBER'],
    [200, 'PART LOADED END LAG TREND BEHIND IN/s OUT/s ETA STATE MEMBER'],
  ])('at %d columns has the columns %s', (columns, heads) => {
    const lines = draw(
      stateOf(
        samplesOf([
          [5, 0],
          [500, 0],
        ]),
      ),
      { columns, rows: 24 },
    );
    expect(
      lines
        .find((line) => line.includes('PART'))
        ?.trim()
        .split(/ +/u)
        .join(' '),
    ).toBe(heads);
  });

  test('marks with arrows what the last look changed, and shows the trend', () => {
    const text = draw(
      stateOf(
        samplesOf([
          [0, 40, 7],
          [10, 20, 7],
        ]),
      ),
      { columns: 80, rows: 24 },
    );
    expect(text.find((line) => /^. {5,}0 /u.test(line))).toMatch(/ 10↑ +▁█ /u);
    expect(text.find((line) => /^ {6,}1 /u.test(line))).toMatch(/ 20↓ +█▄ /u);
    expect(text.find((line) => /^ {6,}2 /u.test(line))).toMatch(/ 7 {2,}██ /u);
  });

  test('says that more may lag than is known', () => {
    const [sample] = samplesOf([[5_000, 40]]);
    if (sample === undefined) throw new Error('no sample');
    const [first, second] = sample.partitions;
    const partitions = [first, { ...second, start: undefined, end: undefined, error: 'LEADER_NOT_AVAILABLE' }] as typeof sample.partitions;
    const state = stateOf([{ ...sample, partitions }]);
    const text = draw(state, { columns: 80, rows: 24 });
    expect(text[1]).toContain('lag ≥ 5,000');
    expect(text.find((line) => line.includes(' total'))).toContain('≥ 5,000');
    expect(formatSummary(state, 0)).toContain('lag ≥ 5,000 → ≥ 5,000, min -, max -');
  });

  test('keeps the last good numbers when the broker is gone, and says how old they are and why', () => {
    const state = stateOf(samplesOf([[5], [7]]));
    const gone = withFailure(state, { code: 'GBX_KAFKA_UNREACHABLE', message: 'Cannot reach b:9092' }, 0);
    const text = draw(gone, { columns: 80, rows: 24 }, gone.goodAtMs + 7_400);
    expect(text[0]).toMatch(/! stale 7 s \d\d:\d\d:\d\dZ$/u);
    expect(text.join('\n')).toContain('! stale 7 s, these are the last good numbers: Cannot reach b:9092');
    expect(text.find((line) => line.startsWith('▌'))).toMatch(/▌ +0 .* 7↑/u);
    expect(draw(state, { columns: 80, rows: 24 }, state.goodAtMs + 5_900)[0]).toContain('● live');
    expect(draw(state, { columns: 80, rows: 24 }, state.goodAtMs + 6_100).join('\n')).toContain('no answer yet');
  });

  test('holds the picture while it is paused, and says for how long', () => {
    const [first, second] = [stateOf(samplesOf([[5]])), stateOf(samplesOf([[5], [900]]))];
    const paused = { ...second, frozen: { shown: first.now, sinceMs: 0 } };
    const text = draw(paused, { columns: 80, rows: 24 }, 14_000).join('\n');
    expect(text).toContain('= paused 14 s');
    expect(text).toContain('lag 5 ');
    expect(text).not.toContain('900');
  });

  test('draws a window of many partitions around the selected one, and says what is out of sight', () => {
    const lags = Array.from({ length: 40 }, (_, partition) => partition);
    const text = draw(stateOf(samplesOf([lags]), { selected: 20 }), { columns: 80, rows: 15 });
    expect(text.find((line) => line.startsWith('▌'))).toMatch(/^▌ +20 /u);
    expect(text.join('\n')).toMatch(/↑ 1\d\n/u);
    expect(text.join('\n')).toMatch(/↓ 1\d\n/u);
  });

  test('opens a partition: its numbers, charts of lag and rates, the last changes of its verdict', () => {
    const looks = [[0], [50], [90], [140], [190], [240]];
    const text = draw(stateOf(samplesOf(looks), { page: 'partition' }), { columns: 80, rows: 24 }).join('\n');
    expect(text).toMatch(/^p0 {2}/mu);
    expect(text).toMatch(/^ {2}lag 240│ +█$/mu);
    expect(text).toMatch(/ in\/s 50│/u);
    expect(text).toContain('6 looks over 10s');
    expect(text).toContain('member loader-0 at 10.0.0.1');
    expect(text).toContain('no change of its verdict since the start');
  });
});

test('paint() gives colour only where it is wanted, and never without a glyph or a word', () => {
  const lines = layoutScreen(worstState(), { columns: 120, rows: 40 }, { elapsedMs: 1_000_000 });
  for (const line of lines) {
    expect(paint(line, PLAIN)).not.toContain('\u001b');
    for (const { text, role } of line) {
      if (role === 'error' || role === 'warn') expect(text).toMatch(/\S/u);
    }
  }
  expect(lines.map((line) => paint(line, { hasColor: true, isUnicode: true })).join('')).toContain('\u001b[33m');
});
