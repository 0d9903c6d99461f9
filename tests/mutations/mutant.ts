// A guard of the protocol, with a small change that switches it off and the tests that must then fail: the fewest and quickest
// files that kill it, to keep the check short. The lists are in the files beside this one; run.ts runs them.

export interface Mutant {
  /** What is switched off; as docs/reliability.md names it. */
  readonly guard: string;
  readonly file: string;
  /** Stands in the file exactly once; short, so that it goes on fitting. */
  readonly find: string;
  readonly replace: string;
  /** Files for vitest. */
  readonly tests: readonly string[];
  /** Of their names, for vitest's `-t`. */
  readonly only?: string;
}
