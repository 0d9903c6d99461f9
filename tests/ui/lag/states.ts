// States of the live view for its tests, made by the real assessment from the few numbers a test is about.
import { assessLag, type LagReport } from '../../../src/core/lag/assess.ts';
import type { LagSample } from '../../../src/core/lag/sample.ts';
import { type Gaze, type LiveState, startState, withReport } from '../../../src/ui/lag/live-state.ts';
import { lagSample, MEMBER, OPTIONS } from '../../core/lag/samples.ts';

export const GAZE: Gaze = {
  page: 'table',
  isHelp: false,
  helpTop: 0,
  selected: 0,
  sort: 'partition',
  isReversed: false,
  onlyLagging: false,
  isDelta: false,
  filter: '',
  isTyping: false,
  intervalMs: 2_000,
};

/** A look every two seconds: for each the lag of each partition, behind an end that grows by 100 a look. */
export function samplesOf(looks: readonly (readonly number[])[], changes: Partial<LagSample> = {}): LagSample[] {
  return looks.map((lags, nth) =>
    lagSample(
      lags.map((lag, partition) => ({
        end: BigInt(1_000_000 + nth * 100),
        position: BigInt(1_000_000 + nth * 100 - lag),
        member: { ...MEMBER, clientId: `loader-${partition}` },
        timeLag: { minMs: lag * 10, maxMs: lag * 10 },
      })),
      { second: nth * 2, ...changes },
    ),
  );
}

export function reportOf(samples: readonly LagSample[]): LagReport {
  return assessLag({ samples }, OPTIONS);
}

export function stateOf(samples: readonly LagSample[], gaze: Partial<Gaze> = {}): LiveState {
  const [first, ...rest] = samples.map((_, nth) => reportOf(samples.slice(0, nth + 1)));
  if (first === undefined) throw new Error('a state needs a look');
  const look = (report: LagReport) => ({ report, breaches: [], elapsedMs: report.sample.elapsedMs });
  const state = rest.reduce((before, report) => withReport(before, look(report)), startState(look(first), { ...GAZE }, 0));
  return { ...state, gaze: { ...state.gaze, ...gaze } };
}
