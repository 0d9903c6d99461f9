// How every route answers: JSON text with its status, errors in the one shape, and `Connection: close` while shutting
// down, so that clients which keep their connection open move to another server instead of running into a reset.
import type { FastifyReply } from 'fastify';
import type { ErrorBody, HttpErrorCode, WireFieldError } from './wire.ts';
import { errorBody, statusOf } from './wire.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Text is JSON already. */
export function answerText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('content-type', JSON_TYPE).send(text);
}

export function answerJson(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  return answerText(reply, status, JSON.stringify(body));
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
  const body: ErrorBody = errorBody(error.code, error.message, fields);
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
  return answerJson(reply, statusOf(error.code), {
    error: requestId === undefined ? body.error : { ...body.error, request_id: requestId },
    ...(exposureId === undefined ? {} : { exposure_id: exposureId }),
  });
}
