// POST /exposure and POST /exposures: from the bytes of a request to one clear answer for each exposure. What an
// exposure must look like is core/exposure's business, what "accepted" means core/accept's; here it becomes HTTP.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AcceptOutcome, Acceptor } from '../core/accept/acceptor.ts';
import type { Clock } from '../core/clock.ts';
import type { Exposure } from '../core/exposure/exposure.ts';
import { parsePosted } from '../core/exposure/posted.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { answerError, answerJson } from './answer.ts';
import { answerBatch, type BatchItem } from './answer-batch.ts';
import { addCors } from './cors.ts';
import type { LoadBound } from './load-bound.ts';
import { parseJsonBody } from './parse-json-body.ts';
import type { AcceptedBody } from './wire.ts';

export interface IngestDeps {
  readonly acceptor: Acceptor;
  readonly clock: Clock;
  /** A new exposure id. */
  readonly mintId: () => string;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly corsOrigins: readonly string[];
  readonly loadBound: LoadBound;
}

/** The batch is reachable below `/exposure` too, for proxies that forward only that. */
const SINGLE_PATHS = ['/exposure'];
const BATCH_PATHS = ['/exposures', '/exposure/exposures'];
export const INGEST_PATHS: readonly string[] = [...SINGLE_PATHS, ...BATCH_PATHS];

export const ITEMS_MAX = 1000;

export function addIngestRoutes(app: FastifyInstance, deps: IngestDeps): void {
  addCors(app, { origins: deps.corsOrigins, paths: INGEST_PATHS });
  app.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'POST' || deps.loadBound.enter(request.headers['content-length'], reply.raw)) return done();
    deps.metrics.count('gbx_exposures_rejected_total', 1, { reason: 'unavailable' });
    answerError(
      reply,
      { code: 'unavailable', message: 'too many requests at once: nothing of this one was stored' },
      { retryAfterSeconds: 1 },
    );
  });
  for (const path of SINGLE_PATHS) app.post(path, (request, reply) => postOne(request, reply, deps));
  for (const path of BATCH_PATHS) app.post(path, (request, reply) => postMany(request, reply, deps));
}

async function postOne(request: FastifyRequest, reply: FastifyReply, deps: IngestDeps): Promise<FastifyReply> {
  const startedMs = deps.clock.elapsed();
  const body = parseJsonBody(request.body);
  if (body.kind === 'wrong') return refuseBody(reply, deps, { code: 'not_json', message: body.message });

  const posted = parseItem(body.value, { request, deps, itemIndex: 0 });
  if (posted.kind === 'invalid') {
    deps.metrics.count('gbx_exposures_rejected_total', 1, { reason: 'invalid' });
    return answerError(reply, { code: 'invalid', message: 'the exposure is not valid' }, { fields: posted.fields });
  }

  const { exposure } = posted;
  const outcome = await deps.acceptor.accept(exposure);
  if (outcome.kind !== 'accepted') return refuseOne(reply, exposure, outcome);
  deps.log.debug('exposure.accepted', { exposureId: exposure.exposureId, durationMs: deps.clock.elapsed() - startedMs });
  const accepted: AcceptedBody = { status: 'accepted', exposure_id: exposure.exposureId };
  return answerJson(reply, 200, accepted);
}

async function postMany(request: FastifyRequest, reply: FastifyReply, deps: IngestDeps): Promise<FastifyReply> {
  const startedMs = deps.clock.elapsed();
  const body = parseJsonBody(request.body);
  if (body.kind === 'wrong') return refuseBody(reply, deps, { code: 'not_json', message: body.message });

  const inputs = itemsOf(body.value);
  if (inputs === undefined || inputs.length === 0) {
    return refuseBody(reply, deps, { code: 'invalid', message: 'send {"exposures":[…]} or a bare array, with at least one exposure' });
  }
  if (inputs.length > ITEMS_MAX) {
    deps.metrics.count('gbx_exposures_rejected_total', inputs.length, { reason: 'too_large' });
    return answerError(reply, { code: 'too_large', message: `at most ${ITEMS_MAX} exposures in a request: none was stored` });
  }

  const posted = inputs.map((input, itemIndex) => parseItem(input, { request, deps, itemIndex }));
  const exposures = posted.flatMap((item) => (item.kind === 'valid' ? [item.exposure] : []));
  const invalid = posted.length - exposures.length;
  if (invalid > 0) deps.metrics.count('gbx_exposures_rejected_total', invalid, { reason: 'invalid' });

  const outcomes = await deps.acceptor.acceptAll(exposures);
  const durationMs = deps.clock.elapsed() - startedMs;
  let valid = 0;
  const items = posted.map((item): BatchItem => {
    if (item.kind === 'invalid') return item;
    const outcome = outcomes[valid++] ?? { kind: 'outcome_unknown', reason: 'no answer' };
    const { exposureId } = item.exposure;
    if (outcome.kind === 'accepted') deps.log.debug('exposure.accepted', { exposureId, durationMs });
    return { kind: 'posted', exposureId, outcome };
  });
  return answerBatch(reply, items);
}

function parseItem(input: unknown, { request, deps, itemIndex }: { request: FastifyRequest; deps: IngestDeps; itemIndex: number }) {
  const key = request.headers['idempotency-key'];
  const idempotencyKey = Array.isArray(key) ? key.join(',') : key;
  const posted = parsePosted(input, { acceptedAtMs: deps.clock.now(), idempotencyKey, itemIndex, mintId: deps.mintId });
  if (posted.kind === 'valid' && posted.wasFuture) deps.metrics.count('gbx_exposures_future_total');
  return posted;
}

function itemsOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  const list: unknown = typeof value === 'object' && value !== null && 'exposures' in value ? value.exposures : undefined;
  return Array.isArray(list) ? list : undefined;
}

function refuseBody(reply: FastifyReply, { metrics }: IngestDeps, error: { code: 'not_json' | 'invalid'; message: string }): FastifyReply {
  metrics.count('gbx_exposures_rejected_total', 1, { reason: 'invalid' });
  return answerError(reply, error);
}

function refuseOne(reply: FastifyReply, { exposureId }: Exposure, outcome: Exclude<AcceptOutcome, { kind: 'accepted' }>): FastifyReply {
  const retryAfterSeconds = outcome.kind === 'unavailable' ? outcome.retryAfterSeconds : undefined;
  return answerError(reply, { code: outcome.kind, message: explain(outcome) }, { exposureId, retryAfterSeconds });
}

function explain(outcome: Exclude<AcceptOutcome, { kind: 'accepted' }>): string {
  switch (outcome.kind) {
    case 'unavailable':
      return `not stored: ${outcome.reason}; try again`;
    case 'outcome_unknown':
      return `stored or not, that is not known: ${outcome.reason}; post it again with this exposure_id, that cannot double it`;
    case 'too_large':
      return 'Kafka refuses a record of this size';
  }
}
