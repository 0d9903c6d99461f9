// `gbx produce`: a known load, synthetic or from lines, into Kafka or through serve; measured from when each exposure was due,
// written down for `gbx verify`, judged by thresholds.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { kafkaConnection } from '../connections.ts';
import { asGbxError, GbxError } from '../core/errors.ts';
import { HEADERS } from '../core/exposure/header-names.ts';
import { invalidLine, parseLine, takeLines } from '../core/produce/from-lines.ts';
import { takeSlots } from '../core/produce/from-traffic.ts';
import { type ManifestWriter, startManifest } from '../core/produce/manifest-writer.ts';
import type { Attempt, Take } from '../core/produce/outgoing.ts';
import { type ProduceOrder, readOptions } from '../core/produce/read-options.ts';
import { exitCodeOf, makeReport, type RunFacts, toDocument } from '../core/produce/report.ts';
import { createRun, type ProduceRun } from '../core/produce/run.ts';
import { createSchedule, peakPerSecond } from '../core/produce/schedule.ts';
import { isLoopback } from '../core/tls-policy.ts';
import { createSlots } from '../core/traffic/slots.ts';
import { createTraffic } from '../core/traffic/traffic.ts';
import { openManifestFile } from '../files/manifest-file.ts';
import { canBeReadAgain, type LineReader, openLines } from '../files/read-lines.ts';
import { createBatchPoster, postedHost } from '../http/post-batches.ts';
import { openProducer } from '../kafka/open-producer.ts';
import type { CommandContext } from '../run-command.ts';
import { createProgressView } from '../ui/produce-progress.ts';
import { formatProduceReport } from '../ui/produce-report.ts';

/** Longer than serve itself waits for Kafka by default. */
const POST_TIMEOUT_MS = 10_000;
const BATCH_BYTES_MAX = 900_000;
/** An exposure of the largest size, its JSON escaped. */
const LINE_BYTES_MAX = 1_048_576;
const DRY_RUN_COUNT = 10;
const INVALID_SHOWN_MAX = 10;
const LOOP_DELAY_RESOLUTION_MS = 10;
/** serve's clock may be behind ours by as much: an exposure ahead of it would get another time. */
const AGE_MS_HTTP = 1_000;
/** Between events where no rate is asked for: their times pass slower than any rate that is reached. */
const INTERVAL_MS_MAX_RATE = 0.002;

/** @returns 0 all is in and as wanted, 1 not; @throws {GbxError} after the report where the target or the input failed */
export async function run(context: CommandContext): Promise<number> {
  const { clock, signal, stdout, stderr } = context;
  const order = readOptions(context.options, { runId: createRunId(context) });
  assertConfirmed(order, context);
  await using source = openSource(order, context);
  if (order.isDryRun) return await dryRun(source.take, order, context);
  await source.check();
  await using target = await openTarget(order, context);
  const manifest = await openManifest(order);

  const run = createRun(
    {
      schedule: order.stages.length === 0 ? undefined : createSchedule(order.stages, order.burst),
      count: order.count,
      durationMs: order.durationMs,
      warmupMs: order.warmupMs,
      batchRecordsMax: order.batchRecordsMax,
      batchBytesMax: BATCH_BYTES_MAX,
      inFlightMax: order.inFlightMax,
      retryForMs: order.retryForMs,
    },
    {
      take: source.take,
      attempt: target.attempt,
      onSettled: async ({ items, outcomes }) => manifest?.write(items, outcomes),
      lostCode: order.url === undefined ? 'GBX_KAFKA_UNREACHABLE' : 'GBX_SERVE_UNREACHABLE',
      clock,
      random: context.random,
      signal,
    },
  );
  const delays = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  delays.enable();
  const result = await withProgress(run, order, context);
  delays.disable();
  await manifest?.finish();

  const facts: RunFacts = { ...order, target: target.facts, skippedLines: source.skippedLines() };
  const loopDelay = { p99Ms: delayMs(delays.percentile(99)), maxMs: delayMs(delays.max) };
  const report = makeReport(facts, { tally: run.tally, result, loopDelay, isInterrupted: signal.aborted });
  const text = formatProduceReport(report, { hasColor: stdout.hasColor === true });
  stdout.write(context.options['json'] === true ? `${JSON.stringify(toDocument(report))}\n` : text);
  if (result.problem !== undefined) {
    if (result.problem.code === 'GBX_INPUT_INVALID') stderr.write(`${report.counts.sent} exposures of the lines before were sent\n`);
    throw result.problem;
  }
  const exitCode = exitCodeOf(report);
  return exitCode;
}

/** `produce-20260131T120000Z-1a2b3c4d`: read in the table, it says when. */
function createRunId({ clock, random }: Pick<CommandContext, 'clock' | 'random'>): string {
  const time = new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  const tail = Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return `produce-${time}-${tail}`;
}

/** A load is for one's own machine, unless its target is named twice. @throws {GbxError} GBX_USAGE */
function assertConfirmed({ url, confirm, isDryRun }: ProduceOrder, { config }: CommandContext): void {
  const hosts = url === undefined ? (config.kafkaBootstrapServers ?? []).map((broker) => broker.replace(/:\d+$/u, '')) : [postedHost(url)];
  if (isDryRun || hosts.every(isLoopback)) return;
  const name = url === undefined ? config.kafkaTopic : (hosts[0] ?? '');
  if (confirm === name) return;
  const what = url === undefined ? `the topic ${name} on ${hosts.join(', ')}` : name;
  throw new GbxError('GBX_USAGE', `Cannot send a load to ${what} without a word: it is not this machine`, {
    hint: `if that is what you want, add --confirm ${name}`,
  });
}

interface Source extends AsyncDisposable {
  readonly take: Take;
  /** What can be looked through before anything is sent is. @throws {GbxError} GBX_INPUT_INVALID */
  check(): Promise<void>;
  skippedLines(): number;
}

function openSource(order: ProduceOrder, context: CommandContext): Source {
  if (order.file !== undefined) return openLineSource(order, order.file, context);
  const { runId, seed, stages, burst, url } = order;
  const traffic = createTraffic({
    seed,
    startMs: context.clock.now() - (url === undefined ? 0 : AGE_MS_HTTP),
    intervalMs: stages.length === 0 ? INTERVAL_MS_MAX_RATE : 1000 / peakPerSecond(stages, burst),
    users: order.users,
    zipfExponent: order.zipfExponent,
    experiments: order.sentExperiments,
    source: 'gbx-produce',
    attributes: { run_id: runId },
  });
  const slotAt = createSlots({ seed, traffic, trouble: order.trouble, isAlwaysJson: url !== undefined });
  return { take: takeSlots(slotAt), check: async () => undefined, skippedLines: () => 0, async [Symbol.asyncDispose]() {} };
}

function openLineSource({ runId, skipInvalid }: ProduceOrder, file: string, { clock, signal, stdin, stderr }: CommandContext): Source {
  let skipped = 0;
  const open = (): LineReader => openLines({ from: file === '-' ? standardInput(stdin) : file, bytesMax: LINE_BYTES_MAX });
  const parse: Parameters<typeof takeLines>[0]['parse'] = (line) => parseLine(line, { runId, nowMs: clock.now() });
  const onInvalid: Parameters<typeof takeLines>[0]['onInvalid'] = (line) => {
    if (!skipInvalid) throw invalidLine(line);
    skipped += 1;
    if (skipped <= INVALID_SHOWN_MAX) stderr.write(`line ${line.number} left out: it ${line.reason}\n`);
  };
  const lines = open();
  // A read that waits for more input would outlive the wish to stop.
  signal.addEventListener('abort', () => void lines[Symbol.asyncDispose](), { once: true });
  return {
    take: takeLines({ next: lines.next, parse, onInvalid, signal }),
    skippedLines: () => skipped,
    async check() {
      if (file === '-' || skipInvalid || !(await canBeReadAgain(file))) return;
      await using first = open();
      for (let some = await first.next(); some !== undefined && !signal.aborted; some = await first.next()) {
        for (const line of some) {
          const parsed = parse(line);
          if (parsed.kind === 'invalid')
            throw new GbxError('GBX_INPUT_INVALID', `${invalidLine(parsed).message}; nothing was sent`, { hint: invalidLine(parsed).hint });
        }
      }
    },
    [Symbol.asyncDispose]: () => lines[Symbol.asyncDispose](),
  };
}

function standardInput(stdin: CommandContext['stdin']) {
  if (stdin === undefined) throw new GbxError('GBX_USAGE', 'there is no stdin');
  return stdin();
}

async function dryRun(take: Take, order: ProduceOrder, { stdout, stderr, config, signal }: CommandContext): Promise<number> {
  const count = order.count === Number.POSITIVE_INFINITY ? DRY_RUN_COUNT : order.count;
  let shown = 0;
  while (shown < count && !signal.aborted) {
    const items = await take({ recordsMax: Math.min(1_000, count - shown), bytesMax: BATCH_BYTES_MAX });
    if (items.length === 0) break;
    stdout.write(items.map(({ value }) => `${value}\n`).join(''));
    shown += items.length;
  }
  stderr.write(`${shown} exposures shown, none was sent; they would go to ${order.url ?? `the topic ${config.kafkaTopic}`}\n`);
  return 0;
}

interface Target extends AsyncDisposable {
  readonly attempt: Attempt;
  readonly facts: RunFacts['target'];
}

async function openTarget({ url, runId, batchRecordsMax }: ProduceOrder, context: CommandContext): Promise<Target> {
  const { clock, config } = context;
  if (url !== undefined) {
    const poster = createBatchPoster({ url, timeoutMs: POST_TIMEOUT_MS, isSingle: batchRecordsMax === 1, fetch, clock });
    await poster.check();
    return {
      attempt: (items) => poster.post(items.map(({ value }) => value)),
      facts: { kind: 'http', where: url },
      async [Symbol.asyncDispose]() {},
    };
  }
  const { kafkaTopic: topic } = config;
  const producer = await openProducer(kafkaConnection(context, { clientId: 'gbx-produce' }), { topics: [topic] });
  const headers = { [HEADERS.runId]: runId };
  return {
    attempt: (items) => {
      const nowMs = clock.now();
      return producer.send(
        topic,
        // Accepted before it happened, an exposure would get the time of its acceptance.
        items.map(({ exposure, value }) => ({
          key: exposure.dsUserId,
          value,
          headers,
          timestampMs: Math.max(nowMs, Math.ceil(exposure.tsMicros / 1000)),
        })),
      );
    },
    facts: { kind: 'kafka', where: `topic ${topic} at ${(config.kafkaBootstrapServers ?? []).join(',')}` },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

async function openManifest({ manifest: path, runId, trouble }: ProduceOrder): Promise<ManifestWriter | undefined> {
  if (path === undefined) return undefined;
  return await startManifest({ runId, open: (headLine) => openManifestFile(path, headLine), hasCopies: trouble.copies > 0 });
}

/** Shows how it goes until it is over. */
async function withProgress(run: ProduceRun, order: ProduceOrder, { clock, stderr }: CommandContext): ReturnType<ProduceRun['finish']> {
  const view = createProgressView(stderr);
  const over = new AbortController();
  const ticking = (async () => {
    let [lastMs, lastOk] = [0, 0];
    for (;;) {
      await clock.sleep(view.everyMs, over.signal);
      if (over.signal.aborted) return;
      const { counts, response, slip } = run.tally;
      const elapsedMs = run.elapsedMs();
      const okPerSecond = ((counts.ok - lastOk) / Math.max(1, elapsedMs - lastMs)) * 1000;
      [lastMs, lastOk] = [elapsedMs, counts.ok];
      view.show({
        elapsedMs,
        sent: counts.sent,
        total: order.count === Number.POSITIVE_INFINITY ? undefined : order.count,
        ok: counts.ok,
        errors: counts.failed + counts.refused + counts.unknown,
        okPerSecond,
        inFlight: run.inFlight(),
        p50Ms: response.quantile(0.5),
        p99Ms: response.quantile(0.99),
        slipP99Ms: slip.quantile(0.99),
      });
    }
  })();
  try {
    return await run.finish();
  } catch (error) {
    throw asGbxError(error);
  } finally {
    over.abort();
    await ticking;
    view.clear();
  }
}

/** What the timer itself takes is no delay. */
function delayMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - LOOP_DELAY_RESOLUTION_MS);
}
