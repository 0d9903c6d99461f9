// A process whose wall clock steps when told to, as NTP or an administrator steps it: Date alone, for timers and
// performance.now() run on the monotonic clock, which does not. Made from outside, by a module that Node loads first.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProcess } from './process.ts';

export interface ShiftedClock extends AsyncDisposable {
  /** For the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the process's clock to the real time plus this; resolves when it has noticed. */
  shift(process: TestProcess, ms: number): Promise<void>;
}

const PRELOAD = `
import { readFileSync } from 'node:fs';
const Real = Date;
const now = Real.now.bind(Real);
let shiftMs = 0;
globalThis.Date = class Date extends Real {
  constructor(...args) { if (args.length === 0) super(now() + shiftMs); else super(...args); }
  static now() { return now() + shiftMs; }
};
process.on('SIGUSR2', () => {
  shiftMs = Number(readFileSync(process.env.TEST_CLOCK_FILE, 'utf8'));
  process.stderr.write('test clock: ' + shiftMs + ' ms\\n');
});`;

export async function openShiftedClock(): Promise<ShiftedClock> {
  const dir = await mkdtemp(join(tmpdir(), 'gbx-clock-'));
  const file = join(dir, 'shift');
  return {
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}`, TEST_CLOCK_FILE: file },
    shift: async (process, ms) => {
      await writeFile(file, String(ms));
      process.signal('SIGUSR2');
      await process.line(`test clock: ${ms} ms`);
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
