// One line on a terminal that says what is being done and how far it is, drawn anew a few times a second. For commands that
// answer once but not at once.
import type { Clock } from '../core/clock.ts';

interface StepOutput {
  write(text: string): void;
  readonly columns: number;
}

export interface StepLine {
  /** @param of undefined where nobody knows */
  readonly show: (step: string, done: number, of: number | undefined) => void;
  /** Takes the line away. */
  readonly clear: () => void;
}

const REDRAW_MS = 200;
const ERASE_LINE = '\r\u001b[K';

export function createStepLine(output: StepOutput, { clock, isOn }: { readonly clock: Clock; readonly isOn: boolean }): StepLine {
  let drawnMs = Number.NEGATIVE_INFINITY;
  return {
    show(step, done, of) {
      if (!isOn || clock.elapsed() - drawnMs < REDRAW_MS) return;
      drawnMs = clock.elapsed();
      const share = of === undefined || of === 0 ? '' : ` of ${of.toLocaleString('en')} (${Math.floor((100 * done) / of)} %)`;
      output.write(`${ERASE_LINE}${`${step}: ${done.toLocaleString('en')}${share}`.slice(0, Math.max(10, output.columns - 1))}`);
    },
    clear() {
      if (drawnMs === Number.NEGATIVE_INFINITY) return;
      drawnMs = Number.NEGATIVE_INFINITY;
      output.write(ERASE_LINE);
    },
  };
}
