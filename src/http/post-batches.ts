// Posts exposures to a running serve, many in a request or each in its own, and says what became of each. Used by
// `gbx produce --url`; fetch, which keeps its connections open, is passed in.
import type { SendOutcome } from '../core/accept/ports.ts';
import type { Clock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';

interface BatchPosterOptions {
  /** Where serve listens; a path before its routes is kept. */
  readonly url: string;
  /** Time for one answer. */
  readonly timeoutMs: number;
  /** Each exposure in a request of its own. */
  readonly isSingle: boolean;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

export interface BatchPoster {
  /** @throws {GbxError} GBX_SERVE_UNREACHABLE when nobody answers at the address */
  check(): Promise<void>;
  /** @param bodies each an exposure as JSON @throws {GbxError} GBX_SERVE_UNREACHABLE when what answers is no `gbx serve` */
  post(bodies: readonly string[]): Promise<readonly SendOutcome[]>;
}

/** Errors of Node's fetch that come before anything of the request has left. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'UND_ERR_CONNECT_TIMEOUT'];
const TLS_ERROR = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/;
const ACKED: SendOutcome = { kind: 'acked' };

/** @throws {GbxError} GBX_USAGE when the address is none that can be posted to */
export function createBatchPoster(options: BatchPosterOptions): BatchPoster {
  const base = baseUrl(options.url);
  return {
    async check() {
      const answer = await ask(`${base}/exposure/health`, undefined, options);
      if (answer.kind !== 'answered') throw new GbxError('GBX_SERVE_UNREACHABLE', `Cannot reach ${base}: ${answer.reason}`);
    },
    async post(bodies) {
      if (!options.isSingle) return postTogether(bodies, `${base}/exposures`, options);
      const each = await Promise.all(bodies.map((body) => postOne(body, `${base}/exposure`, options)));
      return each;
    },
  };
}

/** The host that will be posted to, without its port. @throws {GbxError} GBX_USAGE */
export function postedHost(url: string): string {
  return new URL(baseUrl(url)).hostname;
}

function baseUrl(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new GbxError('GBX_USAGE', 'Cannot post to --url as it is no http or https address', {
      hint: 'for instance: --url http://127.0.0.1:8000',
    });
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new GbxError('GBX_USAGE', 'Cannot post to --url as it holds a login: posting needs none', {
      hint: 'leave out what stands before the @',
    });
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/$/, '')}`;
}

type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  /** `isUnsent`: nothing of the request can have been taken. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isUnsent: boolean };

async function ask(target: string, body: string | undefined, { fetch: fetchUrl, clock, timeoutMs }: BatchPosterOptions): Promise<Answer> {
  const late = new AbortController();
  const answered = new AbortController();
  void clock.sleep(timeoutMs, answered.signal).then(() => late.abort());
  try {
    const request = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const response = await fetchUrl(target, { ...request, redirect: 'manual', signal: late.signal });
    return { kind: 'answered', status: response.status, text: await response.text() };
  } catch (error) {
    if (late.signal.aborted) return { kind: 'failed', reason: `no answer within ${timeoutMs} ms`, isUnsent: false };
    return { kind: 'failed', ...readFailure(error) };
  } finally {
    answered.abort();
  }
}

function readFailure(error: unknown): { readonly reason: string; readonly isUnsent: boolean } {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isObject(cause) && typeof cause['code'] === 'string' ? cause['code'] : undefined;
  const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
  // Ports that fetch does not speak to have no code, only these words.
  return { reason, isUnsent: code === undefined ? reason === 'bad port' : NOT_SENT.includes(code) || TLS_ERROR.test(code) };
}

async function postOne(body: string, target: string, options: BatchPosterOptions): Promise<SendOutcome> {
  const answer = await ask(target, body, options);
  return answer.kind === 'failed' ? failed(answer) : judge(answer, target);
}

async function postTogether(bodies: readonly string[], target: string, options: BatchPosterOptions): Promise<readonly SendOutcome[]> {
  const answer = await ask(target, `[${bodies.join(',')}]`, options);
  if (answer.kind === 'failed') return bodies.map(() => failed(answer));
  const results = parseObject(answer.text)?.['results'];
  if (!Array.isArray(results) || results.length !== bodies.length) {
    const outcome = judge(answer, target);
    return bodies.map(() => (outcome.kind === 'acked' ? { kind: 'unknown', reason: `${answer.status} without results` } : outcome));
  }
  return results.map(itemOutcome);
}

function itemOutcome(result: unknown): SendOutcome {
  const status = isObject(result) ? result['status'] : undefined;
  switch (status) {
    case 'accepted':
      return ACKED;
    case 'invalid':
    case 'too_large':
      return { kind: 'refused', reason: status };
    case 'unavailable':
      return { kind: 'not-sent', reason: status };
    default:
      return { kind: 'unknown', reason: String(status) };
  }
}

function failed({ reason, isUnsent }: Answer & { readonly kind: 'failed' }): SendOutcome {
  return { kind: isUnsent ? 'not-sent' : 'unknown', reason };
}

/** @throws {GbxError} GBX_SERVE_UNREACHABLE for what serve never answers */
function judge({ status, text }: Answer & { readonly kind: 'answered' }, target: string): SendOutcome {
  const body = parseObject(text);
  if (status === 200 && body?.['status'] === 'accepted') return ACKED;
  const error = body?.['error'];
  const code = isObject(error) ? error['code'] : undefined;
  const reason = `${status}${typeof code === 'string' ? ` ${code}` : ''}`;
  // A proxy's 502 may come after the request was passed on.
  if (status === 504 || status === 502 || status === 500) return { kind: 'unknown', reason };
  if (status === 503 || status === 429 || status === 408) return { kind: 'not-sent', reason };
  if (code !== undefined && (status === 400 || status === 413)) return { kind: 'refused', reason };
  throw new GbxError('GBX_SERVE_UNREACHABLE', `${target} answers ${reason}, which is not what gbx serve says to an exposure`);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
