// How every route answers: JSON text with its status, errors in the one shape, and `Connection: close` while shutting
// down, so that clients which keep their connection open move to another server instead of running into a reset.
import type { FastifyReply } from 'fastify';
import { type ErrorBody, errorBody, type HttpErrorCode, type RefusedBody, statusOf, type WireFieldError } from './wire.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

export function answerJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  if (!reply.server.server.listening) reply.header('connection', 'close');
  return reply.code(status).header('content-type', JSON_TYPE).send(JSON.stringify(body));
}

interface ErrorDetails {
  readonly fields?: readonly WireFieldError[];
  readonly retryAfterSeconds?: number | undefined;
  /** Stands beside `error`. */
  readonly exposureId?: string;
  readonly requestId?: string;
}

/** @param message for the client: says what to do, and holds no value of the request */
export function answerError(
  reply: FastifyReply,
  error: { code: HttpErrorCode; message: string },
  details: ErrorDetails = {},
): FastifyReply {
  const { fields, retryAfterSeconds, exposureId, requestId } = details;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
  const plain = errorBody(error.code, error.message, fields);
  const body: ErrorBody | RefusedBody = {
    error: requestId === undefined ? plain.error : { ...plain.error, request_id: requestId },
    ...(exposureId === undefined ? {} : { exposure_id: exposureId }),
  };
  return answerJson(reply, statusOf(error.code), body);
}
