// What `gbx dev` shows: where everything runs, then the way of each exposure. Plain lines, on a terminal and in a pipe alike;
// colour only beside a glyph, and none where the terminal or NO_COLOR says so.
import { WriteStream } from 'node:tty';
import { Chalk, type ChalkInstance } from 'chalk';
import type { SecondOfWays, WayStep } from '../core/follow/follower.ts';

interface Out {
  write(text: string): void;
  readonly isTty: boolean;
}

export interface PartOnScreen {
  readonly name: string;
  readonly where: string;
  /** What else there is to know of it. */
  readonly note: string;
}

export interface DevFacts {
  readonly tookMs: number;
  readonly parts: readonly PartOnScreen[];
  /** Of serve. */
  readonly url: string;
  readonly topic: string;
  /** How to look into the warehouse from a shell; undefined where it is not ours. */
  readonly psql: string | undefined;
  readonly trafficPerSecond: number | undefined;
}

export interface DevScreen {
  ready(facts: DevFacts): void;
  step(step: WayStep): void;
  second(second: SecondOfWays): void;
  /** Something that somebody should look at, said by one of the parts. */
  complaint(complaint: { readonly atMs: number; readonly level: string; readonly from: string; readonly text: string }): void;
  note(text: string): void;
}

export function createDevScreen(out: Out): DevScreen {
  // Looks at NO_COLOR, TERM and their like; needs no stream.
  const chalk = new Chalk({ level: out.isTty && WriteStream.prototype.getColorDepth() > 1 ? 1 : 0 });
  const line = (text: string): void => out.write(`${text}\n`);
  return {
    ready: (facts) => line(formatFacts(facts, chalk)),
    step: (step) => line(formatStep(step, chalk)),
    second: ({ atMs, accepted, inKafka, loaded, waiting }) =>
      line(
        `${time(atMs, chalk)}  ${chalk.green('✓')} this second: ${accepted} accepted, ${inKafka} in Kafka, ${loaded} in the table; ${waiting} on the way`,
      ),
    complaint: ({ atMs, level, from, text }) =>
      line(`${time(atMs, chalk)}  ${level === 'error' ? chalk.red('✗') : chalk.yellow('!')} ${from}: ${printable(text)}`),
    note: (text) => line(`  ${text}`),
  };
}

function formatFacts({ tookMs, parts, url, topic, psql, trafficPerSecond }: DevFacts, chalk: ChalkInstance): string {
  const width = Math.max(...parts.map(({ where }) => where.length));
  const example = '{"ds_user_id":"u-1","experiment_id":"checkout-button","variation_id":"treatment"}';
  const lines = [
    '',
    `${chalk.green('✓')} ${chalk.bold(`everything runs, after ${seconds(tookMs)}`)}`,
    '',
    ...parts.map(({ name, where, note }) => `  ${name.padEnd(11)} ${where.padEnd(width)}  ${note}`),
    '',
    '  send an exposure:',
    `    curl -sS ${url}/exposure -H 'content-type: application/json' -d '${example}'`,
    '  read it back from the table:',
    `    curl -sS ${url}/exposures/u-1`,
    ...(psql ? ['  or with psql:', `    ${psql}`] : []),
    '',
    ...(trafficPerSecond === undefined ? [] : [`  synthetic exposures are being sent: ${trafficPerSecond} a second`]),
    '  Ctrl-C stops everything.',
    `  Below: the way of each exposure, HTTP → Kafka topic ${topic} → table.`,
    '',
  ];
  return lines.join('\n');
}

function formatStep(step: WayStep, chalk: ChalkInstance): string {
  const head = `${time(step.atMs, chalk)}  ${shortId(step.exposureId)}`;
  switch (step.kind) {
    case 'accepted':
      return `${head}  ${chalk.cyan('→')} accepted  after ${duration(step.afterMs)}`;
    case 'in-kafka':
      return `${head}  ${chalk.cyan('→')} in Kafka  after ${duration(step.afterMs)}: partition ${step.partition}, offset ${step.offset}`;
    case 'loaded': {
      const { dsUserId, experimentId, variationId } = step.seen;
      return `${head}  ${chalk.green('✓')} in table  after ${duration(step.afterMs)}: ${printable(dsUserId)} saw ${printable(variationId)} of ${printable(experimentId)}`;
    }
  }
}

/** The end of an id tells it best: ids that are minted begin with the time. */
function shortId(id: string): string {
  const clean = printable(id);
  return clean.length <= 13 ? clean.padEnd(13) : `…${clean.slice(-12)}`;
}

/** Exposures come from anywhere: nothing in them may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '·');
}

function time(ms: number, chalk: ChalkInstance): string {
  const at = new Date(ms);
  const local = new Date(ms - at.getTimezoneOffset() * 60_000);
  return chalk.dim(local.toISOString().slice(11, 23));
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : seconds(ms);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
