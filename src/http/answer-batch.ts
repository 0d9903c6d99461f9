// The answer to POST /exposures: each item with its own result, and a status that tells at a glance whether anything is
// left to do. Called by ingest-routes.ts.
import type { FastifyReply } from 'fastify';
import type { AcceptOutcome } from '../core/accept/acceptor.ts';
import { answerJson } from './answer.ts';
import { type BatchBody, errorBody, type HttpErrorCode, type ItemResult, statusOf, type WireFieldError } from './wire.ts';

export type BatchItem =
  | { readonly kind: 'invalid'; readonly fields: readonly WireFieldError[] }
  | { readonly kind: 'posted'; readonly exposureId: string; readonly outcome: AcceptOutcome };

/** Worst first: what may be stored already comes before what surely is not, and what can be tried again before what cannot. */
const REASONS = ['outcome_unknown', 'unavailable', 'too_large', 'invalid'] as const;

export function answerBatch(reply: FastifyReply, items: readonly BatchItem[]): FastifyReply {
  const retryAfterSeconds = items.reduce((most, item) => Math.max(most, retryAfterOf(item)), 0);
  if (retryAfterSeconds > 0) reply.header('retry-after', retryAfterSeconds);
  const body = batchBody(items);
  return answerJson(reply, batchStatus(body), body);
}

/** 200 all accepted, 207 some, else the status of the reason. */
export function batchStatus(body: BatchBody): number {
  if (body.error !== undefined) return statusOf(body.error.code);
  return body.status === 'accepted' ? 200 : 207;
}

export function batchBody(items: readonly BatchItem[]): BatchBody {
  const results = items.map(resultOf);
  const accepted = results.filter((result) => result.status === 'accepted').length;
  const rejected = results.length - accepted;
  if (rejected === 0) return { status: 'accepted', accepted, rejected, results };
  if (accepted > 0) return { status: 'partial', accepted, rejected, results };
  const code: HttpErrorCode = REASONS.find((reason) => results.some((result) => result.status === reason)) ?? 'invalid';
  return { status: 'refused', accepted, rejected, results, ...errorBody(code, 'none was accepted: see results') };
}

function resultOf(item: BatchItem, index: number): ItemResult {
  if (item.kind === 'invalid') return { index, status: 'invalid', fields: item.fields };
  const { exposureId, outcome } = item;
  if (outcome.kind === 'accepted') return { index, status: 'accepted', exposure_id: exposureId };
  return { index, status: outcome.kind, exposure_id: exposureId, message: outcome.reason };
}

function retryAfterOf(item: BatchItem): number {
  return item.kind === 'posted' && item.outcome.kind === 'unavailable' ? item.outcome.retryAfterSeconds : 0;
}
