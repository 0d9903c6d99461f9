// What every server of ours shares: limits of the HTTP layer, errors in the one shape, measured requests. Called by
// open-server.ts and open-admin-server.ts. No answer holds a stack, a value of the request, or a vendor's words.
import type { Socket } from 'node:net';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { answerError } from './answer.ts';
import { errorBody, type HttpErrorCode, statusOf } from './wire.ts';

interface AppOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bodyBytesMax?: number;
  /** Longest wait of a route for its answer, milliseconds: sockets must not time out before. */
  readonly answerMsMax?: number;
}

const REQUEST_MS_MAX = 15_000;
/** Longer than the 60 s of the usual load balancer, or it sends requests into connections that we close. */
const KEEP_ALIVE_MS = 75_000;
const CONNECTIONS_MAX = 10_000;
/** An id of 128 bytes, each as %XX. */
const PARAM_CHARS_MAX = 3 * 128;

export function createApp({ log, metrics, bodyBytesMax = 1024, answerMsMax = 0 }: AppOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: KEEP_ALIVE_MS + answerMsMax,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { connectionsCheckingInterval: 2000 },
    // What arrives on an open connection while shutting down is still answered, with `Connection: close`.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    frameworkErrors: (_error, _request, reply) => {
      answerError(reply as unknown as FastifyReply, { code: 'bad_request', message: 'the path is not valid, or an id in it is too long' });
    },
    clientErrorHandler: answerBrokenRequest,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observe('gbx_http_request_duration_seconds', reply.elapsedTime / 1000, {
      route,
      method: request.method,
      code: String(reply.statusCode),
    });
    done();
  });
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => answerThrown(error, { request, reply, log }));
  return app;
}

/** Errors of Fastify's own, which it makes while a request comes in, and bugs of ours. */
function answerThrown(
  error: FastifyError,
  { request, reply, log }: { request: FastifyRequest; reply: FastifyReply; log: Logger },
): FastifyReply {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return answerError(reply, { code: 'too_large', message: 'the body is too large' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return answerError(reply, {
        code: 'unsupported_media_type',
        message: 'send JSON with Content-Type: application/json (or text/plain)',
      });
    default:
  }
  if (error.statusCode === 415) return answerError(reply, { code: 'unsupported_media_type', message: 'send the body uncompressed' });
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return answerError(reply, { code: 'bad_request', message: 'the request is broken or incomplete' });
  }
  log.error('http.failed', { error, route: request.routeOptions.url, requestId: request.id });
  return answerError(reply, { code: 'internal', message: 'an error of this server: its log says more' }, { requestId: request.id });
}

/** What is no HTTP at all: there is no reply object yet, only a socket. */
function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [code, message]: [HttpErrorCode, string] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['request_timeout', 'the request did not arrive in time']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['headers_too_large', 'the headers are too large']
        : ['bad_request', 'this is not HTTP'];
  const body = JSON.stringify(errorBody(code, message));
  const head = `HTTP/1.1 ${statusOf(code)} ${code}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  if (socket.writable) socket.write(`${head}\r\n\r\n${body}`);
  socket.destroy();
}
