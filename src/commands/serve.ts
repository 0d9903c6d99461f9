// `gbx serve`: takes exposures over HTTP and puts them into Kafka, at once or by way of the spool. It starts although
// Kafka is away, says so, and is ready as soon as it can take exposures; SIGTERM lets it answer what is in flight, and end.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { type Acceptor, createAcceptor } from '../core/accept/acceptor.ts';
import { createIdMinter } from '../core/accept/id-minter.ts';
import { type KeptSender, keepSender, type Sender } from '../core/accept/keep-sender.ts';
import { describeLeft, describeSent } from '../core/accept/spool/describe.ts';
import { openSpool, type Spool } from '../core/accept/spool/open-spool.ts';
import { createSpoolAcceptor } from '../core/accept/spool/spool-acceptor.ts';
import { untilAborted } from '../core/clock.ts';
import { EXIT, GbxError } from '../core/errors.ts';
import type { Metrics } from '../core/metrics.ts';
import { checksum, openSpoolFolder } from '../files/spool-disk.ts';
import { openSpoolLock } from '../files/spool-lock.ts';
import type { HealthCheck, HealthChecks } from '../http/health-routes.ts';
import { openServer, type Server } from '../http/open-server.ts';
import { openProducer } from '../kafka/open-producer.ts';
import type { CommandContext } from '../run-command.ts';
import { createMetrics } from '../telemetry/create-metrics.ts';
import { openReader } from '../warehouse/open-reader.ts';

/** A start waits this long for Kafka, so that what is ready in a moment is ready when it says so. */
const FIRST_ATTEMPT_MS = 2_000;

export async function run(context: CommandContext): Promise<number> {
  const { config, sources, log, clock, random, signal } = context;
  const folder = spoolFolder(context);
  if (context.options['drainOnly'] === true) return drainOnly(context, folder);
  const metrics = createMetrics();
  await using place = folder && (await openPlace(folder, { isMade: true }));
  await using reader = config.dbHost === undefined ? undefined : openReader(warehouseConnection(context, { clientId: 'gbx-serve' }));
  await using sender = openKeptSender(context, place === undefined ? { attemptMs: config.acceptTimeoutMs * ATTEMPT_SHARE } : {});
  await using spool = place && (await openSpoolIn(place, { context, sender, metrics, bytesMax: config.spoolBytesMax }));
  const timing = { clock, metrics, timeoutMs: config.acceptTimeoutMs };
  const acceptor =
    spool === undefined
      ? createAcceptor({ ...timing, send: sender.send, isUp: sender.isUp, random, log })
      : createSpoolAcceptor({ ...timing, spool });
  if (spool === undefined) await Promise.race([sender.tried, clock.sleep(FIRST_ATTEMPT_MS, signal)]);

  await using server = await openServer({
    host: config.httpHost,
    port: config.httpPort,
    setting: { host: `GBX_HTTP_HOST (${sources.httpHost})`, port: `GBX_HTTP_PORT (${sources.httpPort})` },
    acceptor,
    reader,
    apiKeys: config.apiKeys ?? [],
    corsOrigins: config.corsOrigins,
    bodyBytesMax: config.bodyBytesMax,
    acceptTimeoutMs: config.acceptTimeoutMs,
    readiness: () => readiness({ sender, spool, signal }),
    mintId: createIdMinter(clock),
    metrics: {
      ...metrics,
      render: () => {
        spool?.measure();
        return metrics.render();
      },
    },
    clock,
    log,
  });
  const problem = spool === undefined ? sender.problem() : spool.problem();
  log.info('serve.listening', {
    url: server.url,
    topic: config.kafkaTopic,
    ready: problem === undefined,
    ...(folder && { spool: folder.path }),
    ...(problem ? { reason: problem.code } : {}),
  });

  await untilAborted(signal);
  return await drain({ server, acceptor, spool, folder, context });
}

// --- Kafka ------------------------------------------------------------------------------------------------------------

/** One send ends before the requests in it have to be answered: then it is known what left and what did not. */
const ATTEMPT_SHARE = 0.9;

function openKeptSender(context: CommandContext, options: { readonly attemptMs?: number }): KeptSender {
  const { config, clock, random, log } = context;
  const connection = kafkaConnection(context, { clientId: 'gbx-serve' });
  return keepSender({ open: () => openSender(connection, { topic: config.kafkaTopic, ...options }), clock, random, log });
}

async function openSender(
  connection: Parameters<typeof openProducer>[0],
  { topic, ...options }: { readonly topic: string; readonly attemptMs?: number },
): Promise<Sender> {
  const producer = await openProducer(connection, { topics: [topic], ...options });
  return {
    send: (records) => producer.send(topic, records),
    isUp: producer.isUp,
    async check() {
      if ((await producer.partitionCount(topic)) === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Kafka has no topic ${topic}`);
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

// --- The spool --------------------------------------------------------------------------------------------------------

interface SpoolFolder {
  readonly path: string;
  readonly from: string;
}

/** @throws {GbxError} GBX_CONFIG where a spool is asked for and has no folder */
function spoolFolder({ config: { accept, spoolDir }, sources, options }: CommandContext): SpoolFolder | undefined {
  const isDrainOnly = options['drainOnly'] === true;
  if (accept === 'broker' && !isDrainOnly) return undefined;
  if (spoolDir !== undefined) return { path: spoolDir, from: `GBX_SPOOL_DIR (${sources.spoolDir})` };
  if (accept !== 'spool' && !isDrainOnly) return undefined;
  const hint = 'name a folder on a local disk: --spool-dir, or GBX_SPOOL_DIR';
  if (isDrainOnly) throw new GbxError('GBX_USAGE', 'Cannot empty a spool as no folder is named', { hint });
  throw new GbxError('GBX_CONFIG', 'Cannot keep a spool as no folder is named', { hint, from: `GBX_ACCEPT (${sources.accept})` });
}

interface SpoolPlace extends AsyncDisposable {
  readonly disk: Awaited<ReturnType<typeof openSpoolFolder>>;
}

/** The folder, for this process alone. */
async function openPlace(folder: SpoolFolder, options: { readonly isMade: boolean }): Promise<SpoolPlace> {
  const disk = await openSpoolFolder(folder, options);
  const lock = await openSpoolLock(folder);
  return { disk, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() };
}

interface SpoolNeeds {
  readonly context: CommandContext;
  readonly sender: KeptSender;
  readonly metrics: Metrics;
  readonly bytesMax: number;
}

function openSpoolIn({ disk }: SpoolPlace, { context, sender, metrics, bytesMax }: SpoolNeeds): Promise<Spool> {
  const { clock, random, log, config } = context;
  const { send, isUp } = sender;
  return openSpool({ disk, checksum, send, isUp, clock, random, log, metrics, bytesMax, stallMs: config.acceptTimeoutMs });
}

const LOOK_MS = 100;
const PROGRESS_MS = 2_000;

/** Sends what was left in a folder. The deadline counts from the last progress: a large spool may take its time. */
async function drainOnly(context: CommandContext, folder: SpoolFolder | undefined): Promise<number> {
  const { config, clock, log, signal, stdout } = context;
  if (folder === undefined) return EXIT.usage;
  await using place = await openPlace(folder, { isMade: false });
  await using sender = openKeptSender(context, {});
  await using spool = await openSpoolIn(place, { context, sender, metrics: createMetrics(), bytesMax: Number.POSITIVE_INFINITY });
  await spool.close();
  const stop = new AbortController();
  const draining = spool.drain(AbortSignal.any([signal, stop.signal])).finally(() => stop.abort());
  const limitMs = config.drainTimeoutSeconds * 1000;
  let before = spool.left();
  let movedMs = clock.elapsed();
  let saidMs = movedMs;
  while (!stop.signal.aborted && !signal.aborted && clock.elapsed() - movedMs < limitMs) {
    await clock.sleep(LOOK_MS, stop.signal);
    const now = spool.left();
    if (now.sentRecords !== before.sentRecords || now.refusedRecords !== before.refusedRecords) movedMs = clock.elapsed();
    before = now;
    if (clock.elapsed() - saidMs < PROGRESS_MS) continue;
    saidMs = clock.elapsed();
    const { records, bytes, sentRecords, refusedRecords } = now;
    log.info('spool.draining', { records, bytes, sentRecords, refusedRecords, kafka: sender.problem()?.code ?? 'ok' });
  }
  stop.abort();
  if (!(await draining)) throw notEmpty(spool, folder, sender.problem());
  stdout.write(`${describeSent(spool.left(), folder.path)}\n`);
  return EXIT.done;
}

function notEmpty(spool: Spool, { path, from }: SpoolFolder, problem: GbxError | undefined): GbxError {
  return new GbxError('GBX_SPOOL_NOT_EMPTY', describeLeft(spool.left(), path), { from, cause: problem });
}

// --- Health and the end -----------------------------------------------------------------------------------------------

interface Checked {
  readonly sender: KeptSender;
  readonly spool: Spool | undefined;
  readonly signal: AbortSignal;
}

/** With a spool, Kafka is told of and does not count: the spool takes what Kafka does not. */
function readiness({ sender, spool, signal }: Checked): HealthChecks {
  const running = signal.aborted ? { running: { ok: false, message: 'shutting down' } } : undefined;
  const kafka = asCheck(sender.problem());
  if (spool === undefined) return { kafka, ...running };
  return { spool: asCheck(spool.problem()), kafka: { ...kafka, required: false }, ...running };
}

function asCheck(problem: GbxError | undefined): HealthCheck {
  return problem === undefined ? { ok: true } : { ok: false, code: problem.code, message: problem.message, hint: problem.hint };
}

interface Draining {
  readonly server: Server;
  readonly acceptor: Acceptor;
  readonly spool: Spool | undefined;
  readonly folder: SpoolFolder | undefined;
  readonly context: CommandContext;
}

/** Of the time to drain: what is left is for what came last. */
const DELAY_SHARE_MAX = 0.5;

/**
 * Not ready from the signal on; whoever watches that has the drain delay to send its requests elsewhere, and they are still
 * taken. Then the port closes; what is in flight is answered, and what is accepted is sent.
 */
async function drain({ server, acceptor, spool, folder, context }: Draining): Promise<number> {
  const { config, log, clock } = context;
  const startedMs = clock.elapsed();
  const timeoutMs = config.drainTimeoutSeconds * 1000;
  const delayMs = Math.min(config.drainDelaySeconds * 1000, timeoutMs * DELAY_SHARE_MAX);
  log.info('serve.draining', { requestsInFlight: server.requestsInFlight(), delayMs, timeoutMs, ...(spool && { spool: spool.left() }) });
  await clock.sleep(delayMs);
  const finished = new AbortController();
  const late = new AbortController();
  let isAnswered = false;
  const answering = server.close().then(() => acceptor.drain());
  const work = answering
    .then(() => {
      isAnswered = true;
      return spool?.drain(late.signal);
    })
    .finally(() => finished.abort());
  await Promise.race([work, clock.sleep(timeoutMs - delayMs, finished.signal)]);
  const isCutOff = !finished.signal.aborted;
  late.abort();
  if (isCutOff && !isAnswered) {
    log.error('serve.drain_cut_off', {
      requestsInFlight: server.requestsInFlight(),
      afterMs: timeoutMs,
      ...(spool && { spool: spool.left() }),
    });
    // What is on the disk waits for the next start: that is what whoever asked has to know.
    if (spool !== undefined && folder !== undefined && spool.left().records > 0) throw notEmpty(spool, folder, undefined);
    return EXIT.no;
  }
  if (spool !== undefined && folder !== undefined && !(await work)) throw notEmpty(spool, folder, undefined);
  log.info('serve.stopped', { durationMs: Math.round(clock.elapsed() - startedMs) });
  return EXIT.done;
}
