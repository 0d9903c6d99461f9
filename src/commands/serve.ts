// `gbx serve`: takes exposures over HTTP and puts them into Kafka. It starts although Kafka is away, says so, and is
// ready as soon as it can send; SIGTERM lets it answer what is in flight, and end.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { type Acceptor, createAcceptor } from '../core/accept/acceptor.ts';
import { createIdMinter } from '../core/accept/id-minter.ts';
import { type KeptSender, keepSender, type Sender } from '../core/accept/keep-sender.ts';
import { untilAborted } from '../core/clock.ts';
import { EXIT, GbxError } from '../core/errors.ts';
import type { HealthChecks } from '../http/health-routes.ts';
import { openServer, type Server } from '../http/open-server.ts';
import { openProducer } from '../kafka/open-producer.ts';
import type { CommandContext } from '../run-command.ts';
import { createMetrics } from '../telemetry/create-metrics.ts';
import { openReader } from '../warehouse/open-reader.ts';

/** A start waits this long for Kafka, so that what is ready in a moment is ready when it says so. */
const FIRST_ATTEMPT_MS = 2_000;

export async function run(context: CommandContext): Promise<number> {
  const { config, sources, log, clock, random, signal } = context;
  const connection = kafkaConnection(context, { clientId: 'gbx-serve' });
  await using reader = config.dbHost === undefined ? undefined : openReader(warehouseConnection(context, { clientId: 'gbx-serve' }));
  const metrics = createMetrics();
  await using sender = keepSender({
    open: () => openSender(connection, { topic: config.kafkaTopic, acceptTimeoutMs: config.acceptTimeoutMs }),
    clock,
    random,
    log,
  });
  const acceptor = createAcceptor({ send: sender.send, isUp: sender.isUp, clock, random, metrics, log, timeoutMs: config.acceptTimeoutMs });
  await Promise.race([sender.tried, clock.sleep(FIRST_ATTEMPT_MS, signal)]);

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
    readiness: () => readiness(sender, signal),
    mintId: createIdMinter(clock),
    metrics,
    clock,
    log,
  });
  const problem = sender.problem();
  log.info('serve.listening', {
    url: server.url,
    topic: config.kafkaTopic,
    ready: problem === undefined,
    ...(problem ? { reason: problem.code } : {}),
  });

  await untilAborted(signal);
  return await drain({ server, acceptor, context });
}

/** One send ends before the requests in it have to be answered: then it is known what left and what did not. */
const ATTEMPT_SHARE = 0.9;

async function openSender(
  connection: Parameters<typeof openProducer>[0],
  { topic, acceptTimeoutMs }: { readonly topic: string; readonly acceptTimeoutMs: number },
): Promise<Sender> {
  const producer = await openProducer(connection, { topics: [topic], attemptMs: acceptTimeoutMs * ATTEMPT_SHARE });
  return {
    send: (records) => producer.send(topic, records),
    isUp: producer.isUp,
    async check() {
      if ((await producer.partitionCount(topic)) === undefined) throw new GbxError('GBX_TOPIC_MISSING', `Kafka has no topic ${topic}`);
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

function readiness(sender: KeptSender, signal: AbortSignal): HealthChecks {
  const problem = sender.problem();
  const kafka = problem === undefined ? { ok: true } : { ok: false, code: problem.code, message: problem.message, hint: problem.hint };
  return signal.aborted ? { kafka, running: { ok: false, message: 'shutting down' } } : { kafka };
}

interface Draining {
  readonly server: Server;
  readonly acceptor: Acceptor;
  readonly context: CommandContext;
}

/** Not ready from the signal on; answers what is in flight, and sends what is accepted. */
async function drain({ server, acceptor, context }: Draining): Promise<number> {
  const { config, log, clock } = context;
  const startedMs = clock.elapsed();
  log.info('serve.draining', { requestsInFlight: server.requestsInFlight(), timeoutMs: config.drainTimeoutSeconds * 1000 });
  const finished = new AbortController();
  const work = server
    .close()
    .then(() => acceptor.drain())
    .finally(() => finished.abort());
  const limit = clock.sleep(config.drainTimeoutSeconds * 1000, finished.signal);
  await Promise.race([work, limit]);
  if (!finished.signal.aborted) {
    log.error('serve.drain_cut_off', { requestsInFlight: server.requestsInFlight(), afterMs: config.drainTimeoutSeconds * 1000 });
    return EXIT.no;
  }
  log.info('serve.stopped', { durationMs: Math.round(clock.elapsed() - startedMs) });
  return EXIT.done;
}
