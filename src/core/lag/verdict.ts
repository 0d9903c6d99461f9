// The words of a judgement: what judge.ts decides, assess.ts reports and everybody prints.

/** docs/lag.md has the rule of each. `UNKNOWN`: what was seen so far does not decide. */
export type Verdict = 'LOST' | 'AHEAD' | 'NEW' | 'OK' | 'REWIND' | 'STOP' | 'STALL' | 'REBAL' | 'WARN' | 'DRAIN' | 'ERROR' | 'UNKNOWN';

/** What `--fail-on` and exit codes go by; `none` for UNKNOWN. */
export type Severity = 'none' | 'ok' | 'info' | 'warn' | 'error';

export interface Judgement {
  readonly verdict: Verdict;
  /** The rule that fired, with the numbers it fired on: one sentence. */
  readonly because: string;
}
