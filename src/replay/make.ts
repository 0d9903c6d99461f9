// `gbx replay plan | import | range`: writes down exactly which records would be loaded again, and says so.
import { EXIT, GbxError } from '../core/errors.ts';
import * as documents from '../core/replay/documents.ts';
import { parseFilter } from '../core/replay/filter.ts';
import { gatherLetters, rangesOf } from '../core/replay/gather.ts';
import { importLetters } from '../core/replay/import-letters.ts';
import { type Chosen, makePlan } from '../core/replay/make-plan.ts';
import { createPlanId, type Plan, type PlanHead } from '../core/replay/plan.ts';
import { findInRange } from '../core/replay/range.ts';
import { selectCandidates } from '../core/replay/select.ts';
import { parsePlace } from '../core/verify/range.ts';
import { openLines } from '../files/read-lines.ts';
import { writePlan } from '../files/replay-plans.ts';
import type { CommandContext } from '../run-command.ts';
import * as report from '../ui/replay-report.ts';
import { carryOut } from './execute.ts';
import { answer, filterTexts, limitOf, type Stack } from './open-stack.ts';

const LINE_BYTES_MAX = 4_000_000;

/** @returns 1 where some are not loaded, and none of them can be loaded again */
export async function planLetters(context: CommandContext, stack: Stack): Promise<number> {
  const { options, clock, config } = context;
  const { place, logs, reading, table } = stack;
  const texts = filterTexts(options);
  const filter = parseFilter(texts, clock.now());
  const { ranges, letters, byOrigin } = await gatherLetters(logs, place, { ...reading, filter });
  const named = filter.origin?.topic;
  const topics = new Set([config.kafkaTopic, config.retryTopic ?? config.kafkaTopic, place.topic, ...(named === undefined ? [] : [named])]);
  const selection = await selectCandidates(byOrigin.values(), {
    ...{ topics, table },
    maxReplays: Number(options['maxReplays']),
    limit: limitOf(options, Number.POSITIVE_INFINITY),
  });
  const matching = [...byOrigin.values()].reduce((sum, one) => sum + one.letters, 0);
  const facts = {
    kind: 'letters',
    sourceTopic: place.topic,
    ranges,
    filter: texts,
    records: letters,
    duplicates: matching - byOrigin.size,
  } as const;
  const made = await makeAndWrite(context, stack, { facts, chosen: selection, range: undefined, beyondLimit: selection.beyondLimit });
  const leftOut = [...selection.skipped].some(([reason]) => reason !== 'loaded');
  return made.plan.entries.length === 0 && leftOut ? EXIT.no : EXIT.done;
}

/** @returns 1 where some were left out. @throws {GbxError} GBX_INPUT_INVALID, nothing planned then */
export async function planImport(context: CommandContext, stack: Stack, path: string): Promise<number> {
  const { stdin } = context;
  const { place, logs, reading, table } = stack;
  if (path === '-' && stdin === undefined) throw new GbxError('GBX_USAGE', 'there is no stdin');
  await using lines = openLines({ from: path === '-' && stdin !== undefined ? stdin() : path, bytesMax: LINE_BYTES_MAX });
  const ranges = await rangesOf(logs, place.topic);
  const mended = await importLetters(flatten(lines), place, { ...reading, logs });
  const options = { topics: undefined, maxReplays: Number.POSITIVE_INFINITY, limit: Number.POSITIVE_INFINITY, table };
  // What it was given up for says nothing of what it is now.
  const selection = await selectCandidates(
    mended.map((one) => ({ ...one, code: `edited ${one.code}` })),
    options,
  );
  const facts = { kind: 'import', sourceTopic: place.topic, ranges, filter: {}, records: mended.length, duplicates: 0 } as const;
  const made = await makeAndWrite(context, stack, { facts, chosen: selection, range: undefined, beyondLimit: 0 });
  return made.plan.entries.length < mended.length ? EXIT.no : EXIT.done;
}

async function* flatten(lines: ReturnType<typeof openLines>): AsyncGenerator<{ number: number; text: string | undefined }> {
  for (let some = await lines.next(); some !== undefined; some = await lines.next()) yield* some;
}

/** @returns 1 where something is missing and was not loaded */
export async function planRange(context: CommandContext, stack: Stack): Promise<number> {
  const { options, config, clock } = context;
  const { logs, reading, table, rows, clusterId } = stack;
  if (table === undefined || rows === undefined)
    throw new GbxError('GBX_USAGE', 'Cannot tell what is missing without the warehouse', { hint: 'set DB_HOST and DB_USER' });
  const placeOf = (name: 'from' | 'to') => {
    const text = options[name];
    return typeof text === 'string' ? parsePlace(text, { flag: `--${name}`, nowMs: clock.now() }) : undefined;
  };
  const scope = { clusterId, group: config.consumerGroup, topic: config.kafkaTopic };
  const question = {
    scope,
    deadLetterTopic: config.deadLetterTopic,
    from: placeOf('from'),
    to: placeOf('to'),
    isAll: options['all'] === true,
  };
  const range = await findInRange(question, { ...reading, logs, table, readLedger: (asked) => rows.readLedger(asked) });
  // The table has been asked, and what stands in it is wanted with --all.
  const selection = await selectCandidates(range.candidates, {
    ...{ topics: undefined, table: undefined },
    maxReplays: Number(options['maxReplays']),
    limit: Number.POSITIVE_INFINITY,
  });
  const filter = Object.fromEntries(
    ['from', 'to', 'all'].flatMap((name) => (options[name] === undefined ? [] : [[name, String(options[name])]])),
  );
  const pins = (await rangesOf(logs, scope.topic)).filter(({ partition }) => range.ranges.some((one) => one.partition === partition));
  const facts = {
    kind: 'range',
    sourceTopic: scope.topic,
    ranges: pins,
    filter,
    records: range.records,
    duplicates: range.duplicates,
  } as const;
  const isDone = options['execute'] === true;
  const { path } = await makeAndWrite(context, stack, { facts, chosen: selection, range, beyondLimit: 0, isSilent: isDone });
  if (!isDone || path === undefined) return range.missing + range.expiredUnloaded > 0 ? EXIT.no : EXIT.done;
  const exitCode = await carryOut(context, stack, { name: path, isResumed: false, range });
  const leftOut = range.missing - selection.chosen.filter(({ code }) => code === 'missing').length;
  // After a signal cli.ts gives its code.
  return exitCode === EXIT.done && leftOut + range.expiredUnloaded > 0 && !context.signal.aborted ? EXIT.no : exitCode;
}

interface Making {
  readonly facts: Pick<PlanHead, 'kind' | 'sourceTopic' | 'ranges' | 'filter' | 'records' | 'duplicates'>;
  readonly chosen: Chosen;
  readonly range: documents.PlanFacts['range'];
  readonly beyondLimit: number;
  /** Its run will answer. */
  readonly isSilent?: boolean;
}

async function makeAndWrite(context: CommandContext, stack: Stack, making: Making): Promise<{ plan: Plan; path: string | undefined }> {
  const { clock, random, config, options, stderr } = context;
  const { facts, chosen, range, beyondLimit, isSilent = false } = making;
  const letterEnds = (await stack.logs.ranges(config.deadLetterTopic)) ?? [];
  const { text, plan } = makePlan(
    {
      ...facts,
      id: createPlanId(clock.now(), random),
      createdAtMs: clock.now(),
      clusterId: stack.clusterId,
      targetTopic: config.kafkaTopic,
      deadLetterTopic: config.deadLetterTopic,
      resendsLoaded: options['all'] === true,
      letterEnds: letterEnds.map(({ partition, end }) => ({ partition, end })),
    },
    chosen,
  );
  const file = typeof options['plan'] === 'string' ? options['plan'] : undefined;
  const path = plan.entries.length === 0 ? undefined : await writePlan(text, { folder: config.replayDir, id: plan.id, file });
  const shown = { path, beyondLimit, range, tableAsked: stack.table !== undefined };
  if (!isSilent || path === undefined)
    answer(context, stack, { document: documents.planDocument(plan, shown), text: () => report.formatPlanMade(plan, shown) });
  else if (options['json'] !== true) stderr.write(report.formatPlanMade(plan, shown));
  return { plan, path };
}
