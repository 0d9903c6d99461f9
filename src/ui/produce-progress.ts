// How a run of `gbx produce` goes, on stderr while it lasts: on a terminal two lines that are drawn anew, else a line now and
// then. Called by the command, which says when.

export interface ProduceProgress {
  readonly elapsedMs: number;
  readonly sent: number;
  /** How many there will be; undefined where nobody knows. */
  readonly total: number | undefined;
  readonly ok: number;
  /** Failed, refused or unknown. */
  readonly errors: number;
  readonly okPerSecond: number;
  readonly inFlight: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly slipP99Ms: number | undefined;
}

interface ProgressOutput {
  write(text: string): void;
  readonly isTty: boolean;
  readonly columns: number;
}

export interface ProgressView {
  /** How often show() is worth calling. */
  readonly everyMs: number;
  show(progress: ProduceProgress): void;
  /** Takes away what is drawn anew: the report takes its place. */
  clear(): void;
}

const REDRAW_MS = 200;
const LINE_MS = 10_000;
const ESCAPE = '\u001b[';

export function createProgressView(output: ProgressOutput): ProgressView {
  let drawn = 0;
  const clear = (): void => {
    if (drawn > 0) output.write(`\r${ESCAPE}${drawn}A${ESCAPE}J`);
    drawn = 0;
  };
  if (!output.isTty) return { everyMs: LINE_MS, show: (progress) => output.write(`${oneLine(progress)}\n`), clear };
  return {
    everyMs: REDRAW_MS,
    show(progress) {
      const lines = twoLines(progress, output.columns);
      // One write: a terminal shows no half of it.
      const back = drawn > 0 ? `\r${ESCAPE}${drawn}A${ESCAPE}J` : '';
      output.write(`${back}${lines.join('\n')}\n`);
      drawn = lines.length;
    },
    clear,
  };
}

function twoLines(progress: ProduceProgress, columns: number): string[] {
  const width = Math.max(10, columns - 1);
  const { sent, total } = progress;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, sent / total);
  const head = share === undefined ? '' : `${bar(share)} ${Math.round(share * 100)} %  `;
  const first = `${head}${counts(progress)}`;
  const second = figures(progress);
  return [first, second].map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
}

function oneLine(progress: ProduceProgress): string {
  return `${counts(progress)}  ${figures(progress)}`;
}

function counts({ elapsedMs, sent, total, ok, errors }: ProduceProgress): string {
  const of = total === undefined ? '' : ` of ${whole(total)}`;
  return `${(elapsedMs / 1000).toFixed(1)} s  sent ${whole(sent)}${of}  ok ${whole(ok)}${errors > 0 ? `  ✗ errors ${whole(errors)}` : ''}`;
}

function figures({ okPerSecond, inFlight, p50Ms, p99Ms, slipP99Ms }: ProduceProgress): string {
  const slip = slipP99Ms === undefined ? '' : `  slip p99 ${ms(slipP99Ms)}`;
  return `${whole(okPerSecond)}/s  latency p50 ${ms(p50Ms)} p99 ${ms(p99Ms)}${slip}  on the way ${inFlight}`;
}

function bar(share: number): string {
  const cells = 20;
  const full = Math.round(share * cells);
  return `${'█'.repeat(full)}${'░'.repeat(cells - full)}`;
}

function ms(value: number | undefined): string {
  if (value === undefined) return '-';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
