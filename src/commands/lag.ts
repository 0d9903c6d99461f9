// `gbx lag`: how far loading is behind, in one look, a few, or again and again; and checks of it for CI and probes.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { asGbxError, EXIT, GbxError } from '../core/errors.ts';
import { assertLagFlags } from '../core/lag/assert-flags.ts';
import type { AssessOptions, LagReport } from '../core/lag/assess.ts';
import { type Choice, choosePartitions, SORT_KEYS } from '../core/lag/choose.ts';
import { breachesDocument, toDocument } from '../core/lag/document.ts';
import { explainPartition, explanationDocument, formatExplanation } from '../core/lag/explain.ts';
import { formatDuration } from '../core/lag/format-duration.ts';
import { formatCsv, formatPollLine, formatPrometheus } from '../core/lag/format-lines.ts';
import { describeBreach, formatTable } from '../core/lag/format-table.ts';
import { type Breach, findBreaches, hasLimits, type LagLimits } from '../core/lag/limits.ts';
import { createPacer } from '../core/lag/pacer.ts';
import { type PollDeps, runLagWait, runLagWatch, takeReport } from '../core/lag/poll.ts';
import { createSampler } from '../core/lag/read-sample.ts';
import type { LagSource, LagWarehouse } from '../core/lag/sample.ts';
import { createLagWindow, type LagWindow } from '../core/lag/window.ts';
import type { Logger } from '../core/log.ts';
import { requireSettings } from '../core/parse-config.ts';
import { openLagSource } from '../kafka/lag-source.ts';
import type { CommandContext, Terminal } from '../run-command.ts';

const WATCH_INTERVAL_MS = 2_000;
const WAIT_INTERVAL_MS = 500;
const WAIT_TIMEOUT_MS = 60_000;
const WAIT_STABLE_MS = 3_000;
/** A look at the warehouse may cost money: between two, the group tells what has moved. */
const WAREHOUSE_EVERY_MS = { watch: 10_000, wait: 1_000, once: 0 } as const;

type Mode = keyof typeof WAREHOUSE_EVERY_MS;
type Form = 'table' | 'json' | 'ndjson' | 'csv' | 'prometheus';

/** What was asked for on the command line. */
interface Wishes {
  readonly mode: Mode;
  readonly form: Form;
  readonly limits: LagLimits;
  readonly assess: AssessOptions;
  readonly choice: Choice;
  readonly sampleMs: number;
  readonly intervalMs: number;
  readonly explain: number | undefined;
  readonly by: 'ledger' | 'group';
}

/** @returns 0 within the limits, 1 beyond one, 124 not in time. @throws {GbxError} what cannot be told, exit 69, 77 or 78 */
export async function run(context: CommandContext): Promise<number> {
  const wishes = readWishes(context);
  const { config, clock, signal } = context;
  const terminal = wishes.mode === 'watch' && wishes.form === 'table' ? context.terminal?.() : undefined;
  const log = quietLog(context);
  await using warehouse = await openWarehouse({ ...context, log }, wishes);
  const { kafkaTopic: topic, consumerGroup: group, deadLetterTopic, retryTopic } = config;
  const target = { group, topic, deadLetterTopic, retryTopic: retryTopic === topic ? undefined : retryTopic };
  await using source: LagSource & AsyncDisposable = openLagSource(kafkaConnection({ ...context, log }, { clientId: 'gbx-lag' }), target);
  const poll = createSampler({
    source,
    warehouse,
    target,
    by: wishes.by,
    isLedgerRequired: context.options['by'] === 'ledger',
    isTimed: true,
    limitMs: wishes.limits.behindMs,
    warehouseEveryMs: WAREHOUSE_EVERY_MS[wishes.mode],
    clock,
  });
  const deps: PollDeps = { poll, window: createLagWindow(), assess: wishes.assess, clock, signal };
  switch (wishes.mode) {
    case 'once':
      return await showOnce(context, wishes, deps);
    case 'wait':
      return await wait(context, wishes, deps);
    case 'watch':
      return terminal === undefined
        ? await watchInLines(context, wishes, deps)
        : await watchOnScreen(context, wishes, deps, { terminal, log });
  }
}

/** Only where it is configured, and loaded only then: without it Kafka alone answers, and sooner. */
async function openWarehouse(context: CommandContext, { by, limits }: Wishes): Promise<(LagWarehouse & AsyncDisposable) | undefined> {
  if (limits.freshnessMs !== undefined || context.options['by'] === 'ledger') requireSettings(context.config, ['dbHost', 'dbUser']);
  if (context.config.dbHost === undefined || (by === 'group' && limits.freshnessMs === undefined)) return undefined;
  const { openLagReader } = await import('../warehouse/open-lag-reader.ts');
  return openLagReader(warehouseConnection(context, { clientId: 'gbx-lag' }));
}

async function showOnce(context: CommandContext, wishes: Wishes, deps: PollDeps): Promise<number> {
  const report = await takeReport(deps, { sampleMs: wishes.sampleMs });
  const breaches = findBreaches(report, wishes.limits);
  if (wishes.explain === undefined) show(context, wishes, { report, breaches });
  else showExplanation(context, wishes, { report, breaches, window: deps.window });
  return breaches.length > 0 ? EXIT.no : EXIT.done;
}

async function wait(context: CommandContext, wishes: Wishes, deps: PollDeps): Promise<number> {
  const { options } = context;
  const limits = hasLimits(wishes.limits) ? wishes.limits : { ...wishes.limits, lag: wishes.choice.allowedLag };
  const timeoutMs = numberOf(options['timeout']) ?? WAIT_TIMEOUT_MS;
  const { kind, report, failure } = await runLagWait(deps, {
    timeoutMs,
    stableForMs: numberOf(options['stableFor']) ?? WAIT_STABLE_MS,
    intervalMs: numberOf(options['interval']) ?? WAIT_INTERVAL_MS,
    isReached: (one) => findBreaches(one, limits).length === 0,
  });
  const isSeen = report !== undefined && failure === undefined;
  if (kind === 'timeout' && !isSeen) throw waitedInVain(timeoutMs, failure);
  if (isSeen) show(context, wishes, { report, breaches: kind === 'reached' ? [] : findBreaches(report, limits) });
  return kind === 'timeout' ? EXIT.timeout : EXIT.done;
}

/** For a broker, a group or a topic that did not come; what it was, the cause says. */
function waitedInVain(timeoutMs: number, failure: GbxError | undefined): GbxError {
  const why = failure?.message ?? 'Kafka has not answered yet';
  return new GbxError('GBX_WAIT_OVER', `Waited ${formatDuration(timeoutMs)} in vain: ${why}`, { cause: failure });
}

/** One line a poll: for a pipe or a log. */
async function watchInLines(context: CommandContext, wishes: Wishes, deps: PollDeps): Promise<number> {
  const { stdout, stderr, clock, signal } = context;
  const lined = { ...wishes, form: wishes.form === 'json' ? 'ndjson' : wishes.form } as const;
  const { pause } = createPacer({ intervalMs: wishes.intervalMs, clock, signal });
  await runLagWatch(deps, {
    pause,
    onReport: (report) => {
      if (wishes.form === 'table') stdout.write(formatPollLine(report, breachesOf(report, wishes.limits)));
      else show(context, lined, { report, breaches: findBreaches(report, wishes.limits) });
    },
    onFailure: (error) => stderr.write(`gbx: ${error.message} [${error.code}]: looking again\n`),
  });
  return EXIT.done;
}

interface Live {
  readonly terminal: Terminal;
  readonly log: QuietLog;
}

async function watchOnScreen({ stdout }: CommandContext, wishes: Wishes, deps: PollDeps, { terminal, log }: Live): Promise<number> {
  const { watchLive } = await import('../ui/lag/watch-live.ts');
  const { choice, limits, intervalMs } = wishes;
  const { by, summary } = await watchLive(deps, {
    terminal,
    look: { hasColor: stdout.hasColor === true, isUnicode: terminal.isUnicode },
    gaze: { ...START_GAZE, ...choice, intervalMs },
    breaches: (report) => breachesOf(report, limits),
    onWarnings: log.divert,
  });
  if (summary !== undefined) stdout.write(summary);
  return by === 'interrupt' ? EXIT_INTERRUPTED : EXIT.done;
}

/** Ctrl-C is a key while the terminal is in raw mode, and ends it as the signal would. */
const EXIT_INTERRUPTED = 130;
const START_GAZE = { page: 'table', isHelp: false, selected: 0, isDelta: false, filter: '', isTyping: false } as const;

function breachesOf(report: LagReport, limits: LagLimits): readonly string[] {
  try {
    return findBreaches(report, limits).map(describeBreach);
  } catch (error) {
    // A limit on what is not known right now.
    return [asGbxError(error).message];
  }
}

interface QuietLog extends Logger {
  readonly divert: (show: (text: string) => void) => void;
}

/** Where the log would go to the very terminal that is drawn on, its warnings become events of the view. */
function quietLog({ log, stderr }: CommandContext): QuietLog {
  let show: ((text: string) => void) | undefined;
  const write = (level: keyof Logger): Logger['warn'] => {
    return (event, fields) => {
      if (show === undefined || !stderr.isTty) log[level](event, fields);
      else if (level === 'warn' || level === 'error') show(`${event} ${Object.values(fields ?? {}).join(' ')}`.trimEnd());
    };
  };
  const divert = (to: (text: string) => void): void => {
    show = to;
  };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug'), divert };
}

interface Shown {
  readonly report: LagReport;
  readonly breaches: readonly Breach[];
}

function show({ stdout, options }: CommandContext, { form, choice }: Wishes, { report, breaches }: Shown): void {
  const partitions = choosePartitions(report.partitions, choice);
  const hasHeader = options['headers'] !== false;
  const document = (): ReturnType<typeof toDocument> => toDocument(report, { breaches, partitions });
  switch (form) {
    case 'table':
      stdout.write(
        formatTable(report, { partitions, breaches, isWide: options['wide'] === true, hasHeader, hasColor: stdout.hasColor === true }),
      );
      break;
    case 'json':
    case 'ndjson':
      stdout.write(`${JSON.stringify(document())}\n`);
      break;
    case 'csv':
      stdout.write(formatCsv(document(), { hasHeader }));
      break;
    case 'prometheus':
      stdout.write(formatPrometheus(report));
  }
}

interface Explained extends Shown {
  readonly window: LagWindow;
}

function showExplanation({ stdout }: CommandContext, { explain = 0, form, assess }: Wishes, { report, breaches, window }: Explained): void {
  const explanation = explainPartition(explain, { report, samples: window.samples, options: assess });
  if (explanation === undefined) {
    const { topic } = report.sample.target;
    throw new GbxError('GBX_USAGE', `--explain ${explain}: ${topic} has partitions 0 to ${report.partitions.length - 1}`);
  }
  if (form === 'table') stdout.write(formatExplanation(explanation, report) + breaches.map((one) => `✗ ${describeBreach(one)}\n`).join(''));
  else stdout.write(`${JSON.stringify({ ...explanationDocument(explanation), ...breachesDocument(breaches) })}\n`);
}

function readWishes({ options, config }: CommandContext): Wishes {
  assertLagFlags(options);
  const allowedLag = numberOf(options['allowedLag']) ?? 0;
  const seconds = numberOf(options['maxLagSeconds']);
  const mode = options['watch'] === true ? 'watch' : options['wait'] === true ? 'wait' : 'once';
  return {
    mode,
    form: options['json'] === true ? 'json' : (options['output'] as Form),
    limits: {
      lag: numberOf(options['maxLag']),
      partitionLag: numberOf(options['maxPartitionLag']),
      behindMs: seconds === undefined ? undefined : seconds * 1000,
      deadLetters: numberOf(options['maxDlq']),
      freshnessMs: numberOf(options['maxFreshness']),
      failOn: options['failOn'] === 'warn' || options['failOn'] === 'error' ? options['failOn'] : undefined,
    },
    assess: {
      allowedLag,
      stallAfterMs: numberOf(options['stallAfter']),
      expectedGapMs: config.batchTimeoutSeconds * 1000,
      startFrom: config.startFrom,
    },
    choice: {
      onlyLagging: options['onlyLagging'] === true,
      allowedLag,
      sort: SORT_KEYS.find((key) => key === options['sort']) ?? 'partition',
      isReversed: options['reverse'] === true,
    },
    sampleMs: numberOf(options['sample']) ?? 0,
    intervalMs: numberOf(options['interval']) ?? WATCH_INTERVAL_MS,
    explain: numberOf(options['explain']),
    by: options['by'] === 'group' ? 'group' : 'ledger',
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
