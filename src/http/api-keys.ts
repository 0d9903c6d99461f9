// Who may read. Keys are compared by their digests in constant time, so neither their length nor a common start shows;
// all of them are compared, so that two can be valid while one is replaced.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopback } from '../core/tls-policy.ts';

/** Whether an `Authorization` header carries one of the keys as bearer token. */
export function createKeyCheck(keys: readonly string[]): (authorization: string | undefined) => boolean {
  const digests = keys.filter((key) => key !== '').map(digest);
  return (authorization) => {
    const token = /^bearer +(\S+) *$/iu.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const given = digest(token);
    let isKnown = false;
    for (const known of digests) isKnown = timingSafeEqual(known, given) || isKnown;
    return isKnown;
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

interface Forwarded {
  readonly host?: string | undefined;
  readonly forwarded?: string | string[] | undefined;
  readonly 'x-forwarded-for'?: string | string[] | undefined;
}

/**
 * Whether a request to a loopback server comes from this machine itself: not through a proxy that stands in front of
 * it, and not from a web page whose name was made to point at 127.0.0.1 (DNS rebinding).
 */
export function isLocalRequest(headers: Forwarded): boolean {
  if (headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined) return false;
  return isLoopback((headers.host ?? '').replace(/:\d+$/u, ''));
}
