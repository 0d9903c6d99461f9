// GET /exposures/{user_id} and GET /exposures/experiment/{experiment_key}: what is in the warehouse, newest first, of
// the last 30 days. They tell who saw which experiment, so they need a key and never answer to a page of another origin.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { asGbxError } from '../core/errors.ts';
import { isLongerThan, isStorable } from '../core/exposure/attributes.ts';
import { BYTES_MAX } from '../core/exposure/exposure.ts';
import type { ReadExposures, StoredExposure } from '../core/exposure/stored.ts';
import { formatTimestamp } from '../core/exposure/timestamp.ts';
import type { Logger } from '../core/log.ts';
import { isLoopback } from '../core/tls-policy.ts';
import { answerError, answerJson } from './answer.ts';
import { createKeyCheck, isLocalRequest } from './api-keys.ts';
import type { WireExposure } from './wire.ts';

export interface ReadDeps {
  /** Undefined where no warehouse is configured. */
  readonly reader: Pick<ReadExposures, 'byUser' | 'byExperiment'> | undefined;
  readonly apiKeys: readonly string[];
  /** The address the server listens on: on loopback alone, local requests need no key. */
  readonly host: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const DAYS_BACK = 30;
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1000;
const RETRY_AFTER_SECONDS = 5;

interface Route {
  readonly path: string;
  readonly param: 'user_id' | 'experiment_key';
  readonly bytesMax: number;
  readonly read: 'byUser' | 'byExperiment';
}

const ROUTES: readonly Route[] = [
  { path: '/exposures/:user_id', param: 'user_id', bytesMax: BYTES_MAX.ds_user_id, read: 'byUser' },
  { path: '/exposures/experiment/:experiment_key', param: 'experiment_key', bytesMax: BYTES_MAX.experiment_id, read: 'byExperiment' },
];

export function addReadRoutes(app: FastifyInstance, deps: ReadDeps): void {
  const refuseStranger = createGate(deps);
  for (const route of ROUTES) {
    app.get(route.path, (request, reply) => refuseStranger(request, reply) ?? answerRead(request, reply, { ...deps, route }));
  }
}

function createGate({ apiKeys, host }: ReadDeps): (request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined {
  const hasKey = createKeyCheck(apiKeys);
  const isLoopbackOnly = isLoopback(host);
  return ({ headers }, reply) => {
    if (hasKey(headers.authorization)) return undefined;
    if (isLoopbackOnly && isLocalRequest(headers)) return undefined;
    if (apiKeys.length === 0)
      return answerError(reply, { code: 'reads_off', message: 'reading is off: this server has no keys (GBX_API_KEYS)' });
    reply.header('www-authenticate', 'Bearer');
    return answerError(reply, { code: 'unauthorized', message: 'send a valid key as Authorization: Bearer <key>' });
  };
}

async function answerRead(request: FastifyRequest, reply: FastifyReply, deps: ReadDeps & { readonly route: Route }): Promise<FastifyReply> {
  const { route, reader, clock, log } = deps;
  reply.header('cache-control', 'no-store');
  if (reader === undefined) {
    return answerError(reply, { code: 'warehouse_not_set', message: 'this server has no warehouse to read from (DB_HOST)' });
  }
  const id = readId(request.params, route);
  const limit = readLimit(request.query);
  if (id === undefined) {
    const message = `must be 1 to ${route.bytesMax} bytes of text`;
    return answerError(
      reply,
      { code: 'invalid', message: 'the path is not valid' },
      { fields: [{ field: route.param, code: 'invalid', message }] },
    );
  }
  if (limit === undefined) {
    const message = `must be an integer from 1 to ${LIMIT_MAX}`;
    return answerError(
      reply,
      { code: 'invalid', message: 'the query is not valid' },
      { fields: [{ field: 'limit', code: 'invalid', message }] },
    );
  }
  const sinceMicros = (clock.now() - DAYS_BACK * 86_400_000) * 1000;
  try {
    const rows = await reader[route.read](id, { sinceMicros, rowsMax: limit });
    return answerJson(reply, 200, { exposures: rows.map(asWire) });
  } catch (error) {
    const known = asGbxError(error);
    if (known.code === 'GBX_BUG') throw error;
    log.warn('exposures.read_failed', { error: known });
    const message = 'the warehouse does not answer; try again';
    return answerError(reply, { code: 'warehouse_unavailable', message }, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

function readId(params: unknown, { param, bytesMax }: Route): string | undefined {
  const id = (params as Readonly<Record<string, string | undefined>>)[param];
  if (id === undefined || id === '' || isLongerThan(id, bytesMax) || !isStorable(id)) return undefined;
  return id;
}

function readLimit(query: unknown): number | undefined {
  const { limit } = query as { readonly limit?: unknown };
  if (limit === undefined) return LIMIT_DEFAULT;
  if (typeof limit !== 'string' || !/^\d{1,6}$/u.test(limit)) return undefined;
  const number = Number(limit);
  return number >= 1 && number <= LIMIT_MAX ? number : undefined;
}

function asWire(row: StoredExposure): WireExposure {
  return {
    exposure_id: row.exposureId,
    ds_user_id: row.dsUserId,
    experiment_id: row.experimentId,
    variation_id: row.variationId,
    timestamp: formatTimestamp(row.tsMicros),
    attributes: parseAttributes(row.attributes),
    source: row.source,
    created_at: formatTimestamp(row.createdAtMicros),
  };
}

/** Rows of other writers may hold anything: text that is not JSON is given as text. */
function parseAttributes(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
