// The end of `gbx produce` for people: one screen, the verdict at the top, what to do next at the bottom. Called by the command.
import { Chalk, type ChalkInstance } from 'chalk';
import type { Report, Times } from '../core/produce/report.ts';

interface Look {
  readonly hasColor: boolean;
}

const WORDS = { done: '✓ done', interrupted: '- interrupted', failed: '✗ failed' } as const;

export function formatProduceReport(report: Report, { hasColor }: Look): string {
  const chalk = new Chalk({ level: hasColor ? 1 : 0 });
  const { counts, achieved, target, durationMs, warmupMs } = report;
  const errors = counts.failed + counts.unknown + counts.refused;
  const lines = [
    `${colored(report.verdict, chalk)}  run ${report.runId}  seed ${report.seed}  to ${target.where}`,
    `sent ${whole(counts.sent)} in ${seconds(durationMs)}${warmupMs > 0 ? `, the first ${seconds(warmupMs)} not measured` : ''}` +
      `   ok ${whole(counts.ok)}  refused ${whole(counts.refused + counts.refusedAsMeant)}  failed ${whole(counts.failed)}  unknown ${whole(counts.unknown)}` +
      `   tried again ${whole(counts.retries)}`,
    `rate ${rate(achieved.perSecond)}${achieved.askedPerSecond === undefined ? '' : ` of ${rate(achieved.askedPerSecond)} asked for (${percent(achieved.share)})`}   ${megabytes(counts.bytes)}`,
    `latency  ${times(report.response)}   from when each was due`,
    `service  ${times(report.service)}   from when it was sent`,
    ...(report.slip.count === 0 ? [] : [`slip     ${times(report.slip)}   by which this machine was late itself`]),
    ...trouble(report),
    ...experiments(report),
    ...[...report.reasons].map(([reason, count]) => chalk.red(`✗ ${whole(count)}: ${reason}`)),
    report.doubts.length === 0 ? chalk.green('✓ trusted: the figures tell about the target') : chalk.yellow('! not trusted:'),
    ...report.doubts.map((doubt) => `    ${doubt}`),
    ...report.judged.map(({ text, value, isReached }) =>
      isReached ? chalk.green(`✓ ${text}  (${figure(value, text)})`) : chalk.red(`✗ ${text}  (${figure(value, text)})`),
    ),
    ...(report.judged.length === 0 && errors > 0 ? [chalk.red(`✗ ${whole(errors)} of ${whole(counts.sent)} are not surely in`)] : []),
    ...(report.manifest === undefined ? [] : [`manifest ${report.manifest}   next: gbx verify --manifest ${report.manifest}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function colored(verdict: Report['verdict'], chalk: ChalkInstance): string {
  if (verdict === 'done') return chalk.green(WORDS.done);
  return verdict === 'failed' ? chalk.red(WORDS.failed) : chalk.yellow(WORDS.interrupted);
}

function trouble({ counts, skippedLines }: Report): string[] {
  const parts = [
    counts.copies > 0 ? `duplicates ${whole(counts.copies)}` : '',
    counts.late > 0 ? `late ${whole(counts.late)}` : '',
    counts.malformed > 0 ? `malformed ${whole(counts.malformed)}` : '',
    skippedLines > 0 ? `lines left out ${whole(skippedLines)}` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? [] : [`among them: ${parts.join('  ')}`];
}

function experiments({ seen }: Report): string[] {
  const shown = [...seen].slice(0, EXPERIMENTS_SHOWN_MAX).map(([key, variations]) => {
    const shares = [...variations]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([variation, sent]) => `${clean(variation)}: ${whole(sent)}`);
    return `  ${clean(key)}  ${shares.slice(0, VARIATIONS_SHOWN_MAX).join('  ')}`;
  });
  if (seen.size > EXPERIMENTS_SHOWN_MAX) shown.push(`  and ${seen.size - EXPERIMENTS_SHOWN_MAX} more: see them all with --json`);
  return shown;
}

const EXPERIMENTS_SHOWN_MAX = 6;
const VARIATIONS_SHOWN_MAX = 6;

function times({ count, p50, p90, p95, p99, p999, max }: Times): string {
  if (count === 0) return 'nothing measured';
  return `p50 ${ms(p50)}  p90 ${ms(p90)}  p95 ${ms(p95)}  p99 ${ms(p99)}${p999 === null ? '' : `  p99.9 ${ms(p999)}`}  max ${ms(max)}  n=${whole(count)}`;
}

function figure(value: number | undefined, text: string): string {
  if (value === undefined) return 'not measured';
  if (/^(errors|unknown|achieved)/u.test(text)) return percent(value);
  return text.startsWith('rate') ? rate(value) : ms(value);
}

/** Names may come from a file: nothing in them may steer the terminal. */
function clean(text: string): string {
  return text.replaceAll(/\p{C}/gu, '·');
}

function ms(value: number | null): string {
  if (value === null) return '-';
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : seconds(value);
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)} s`;
}

function rate(value: number | undefined): string {
  return value === undefined ? '-' : `${value < 100 ? value.toFixed(1) : whole(value)}/s`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : `${(share * 100).toFixed(2)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
