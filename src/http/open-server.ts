// serve's HTTP server: puts the route groups together and opens the port. Opened by src/commands/serve.ts, which gives
// it the flows and plain functions; nothing of Kafka or the warehouse is known here.
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../core/metrics.ts';
import { answerError, answerJson } from './answer.ts';
import { createApp } from './create-app.ts';
import { addHealthRoutes, type HealthDeps, isAllOk } from './health-routes.ts';
import { addIngestRoutes, INGEST_PATHS, type IngestDeps } from './ingest-routes.ts';
import { type Listening, type ListenOptions, listen } from './listen.ts';
import { createLoadBound } from './load-bound.ts';
import { addReadRoutes, type ReadDeps } from './read-routes.ts';

export interface ServerOptions
  extends Omit<IngestDeps, 'loadBound' | 'metrics'>,
    Omit<ReadDeps, 'host'>,
    Pick<HealthDeps, 'readiness'>,
    ListenOptions {
  readonly metrics: Metrics & HealthDeps['metrics'];
  readonly bodyBytesMax: number;
  /** Longest time an ingest request may wait for its outcome. */
  readonly acceptTimeoutMs: number;
  /** Requests with a body that are in work at one time. */
  readonly requestsMax?: number;
}

export interface Server extends Listening, AsyncDisposable {
  /** Requests with a body that are in work. */
  readonly requestsInFlight: () => number;
}

const REQUESTS_MAX = 4096;
const POSTED_BYTES_MAX = 128_000_000;

/** @throws {GbxError} GBX_PORT_IN_USE, GBX_CONFIG */
export async function openServer(options: ServerOptions): Promise<Server> {
  const { log, metrics, bodyBytesMax, acceptTimeoutMs, readiness } = options;
  const app = createApp({ log, metrics, bodyBytesMax, answerMsMax: acceptTimeoutMs });
  const loadBound = createLoadBound({ requestsMax: options.requestsMax ?? REQUESTS_MAX, bytesMax: POSTED_BYTES_MAX, bodyBytesMax });
  addBodyParsers(app);
  // Each group in a scope of its own, so that its hooks touch no other.
  const addGroup = (addRoutes: (scope: FastifyInstance) => void) =>
    app.register((scope, _options, done) => {
      addRoutes(scope);
      done();
    });
  await addGroup((scope) => addIngestRoutes(scope, { ...options, loadBound }));
  await addGroup((scope) => addReadRoutes(scope, options));
  await addGroup((scope) => {
    addHealthRoutes(scope, { readiness, metrics });
    for (const path of ['/health', '/exposure/health']) scope.get(path, (_request, reply) => answerHealth(reply, readiness));
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    if (!INGEST_PATHS.includes(path)) return answerError(reply, { code: 'not_found', message: 'there is no such route' });
    return answerError(reply.header('allow', 'POST'), { code: 'method_not_allowed', message: 'use POST' });
  });

  const listening = await listen(app, options);
  return {
    ...listening,
    requestsInFlight: () => loadBound.requests,
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

/** The bytes as they are: the routes parse them. text/plain is what browsers may send without asking first. */
function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(['application/json', 'text/plain'], { parseAs: 'buffer' }, (request, body, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') return done(null, body);
    done(Object.assign(new Error('compressed body'), { statusCode: 415 }));
  });
}

/** For load balancers of old: the process lives, and the answer says how well. Only readiness turns traffic away. */
function answerHealth(reply: Parameters<typeof answerJson>[0], readiness: ServerOptions['readiness']) {
  const checks = readiness();
  return answerJson(reply, 200, { status: isAllOk(checks) ? 'ok' : 'degraded', checks });
}
