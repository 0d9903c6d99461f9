// Posts exposures to a running serve and says what became of each. Used by `gbx smoke`; fetch is passed in.
import type { Clock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { PostExposure, PostOutcome } from '../core/verify/smoke.ts';

interface PosterOptions {
  /** Where serve listens; a path before its routes is kept. */
  readonly url: string;
  /** Time for one answer. */
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
}

/** Errors of Node's fetch that come before anything of the request has left. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'UND_ERR_CONNECT_TIMEOUT'];
const TLS_ERROR = /^(CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/;

/** @throws {GbxError} GBX_USAGE when the address is none that can be posted to */
export function createPoster({ url, timeoutMs, fetch: fetchUrl, clock }: PosterOptions): PostExposure {
  const target = exposureUrl(url);
  return async (exposure, signal) => {
    const late = new AbortController();
    const answered = new AbortController();
    void clock.sleep(timeoutMs, answered.signal).then(() => late.abort());
    try {
      const response = await fetchUrl(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(exposure),
        redirect: 'manual',
        signal: AbortSignal.any([signal, late.signal]),
      });
      return readAnswer(response.status, await response.text(), { target, exposureId: exposure.exposure_id });
    } catch (error) {
      if (error instanceof GbxError) throw error;
      if (late.signal.aborted) return { kind: 'unknown', reason: `no answer within ${timeoutMs} ms` };
      return readFailure(error);
    } finally {
      answered.abort();
    }
  };
}

function exposureUrl(text: string): string {
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
  return `${parsed.origin}${parsed.pathname.replace(/\/$/, '')}/exposure`;
}

interface Asked {
  readonly target: string;
  readonly exposureId: string;
}

/** @throws {GbxError} GBX_SERVE_UNREACHABLE for what serve never answers */
function readAnswer(status: number, text: string, { target, exposureId }: Asked): PostOutcome {
  const body = parseObject(text);
  if (status === 200 && body?.['status'] === 'accepted' && body['exposure_id'] === exposureId) return { kind: 'accepted' };

  const error = body?.['error'];
  const code = isObject(error) ? error['code'] : undefined;
  const reason = `${status}${typeof code === 'string' ? ` ${code}` : ''}`;
  if (status === 504) return { kind: 'unknown', reason };
  // A proxy's 502 may come after the request was passed on.
  if (status === 502 || status === 500) return { kind: 'unknown', reason };
  if (status === 503 || status === 429) return { kind: 'unavailable', reason };
  if (code !== undefined && (status === 400 || status === 413)) return { kind: 'refused', reason };
  throw new GbxError('GBX_SERVE_UNREACHABLE', `${target} answers ${reason}, which is not what gbx serve says to an exposure`);
}

function readFailure(error: unknown): PostOutcome {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = isObject(cause) && typeof cause['code'] === 'string' ? cause['code'] : undefined;
  const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
  // Ports that fetch does not speak to have no code, only these words.
  const isSurelyUnsent = code === undefined ? reason === 'bad port' : NOT_SENT.includes(code) || TLS_ERROR.test(code);
  return { kind: isSurelyUnsent ? 'unavailable' : 'unknown', reason };
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
