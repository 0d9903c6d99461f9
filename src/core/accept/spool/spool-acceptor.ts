// From a valid exposure to the spool: the Acceptor of src/core/accept/acceptor.ts where GBX_ACCEPT is spool. `accepted`
// means on the disk; `unavailable` surely not there; `outcome_unknown` only where a disk failed in the middle.
import type { Clock } from '../../clock.ts';
import type { Exposure } from '../../exposure/exposure.ts';
import type { Metrics } from '../../metrics.ts';
import { ACCEPTED, type AcceptOutcome, type Acceptor, asRecord, countOutcome } from '../acceptor.ts';
import type { Spool } from './open-spool.ts';

interface SpoolAcceptorOptions {
  readonly spool: Pick<Spool, 'push' | 'close'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Time from acceptance to an outcome. */
  readonly timeoutMs: number;
}

const RETRY_AFTER_SECONDS = 5;

export function createSpoolAcceptor({ spool, clock, metrics, timeoutMs }: SpoolAcceptorOptions): Acceptor {
  async function accept(exposure: Exposure): Promise<AcceptOutcome> {
    const outcome = await spool.push(asRecord(exposure, clock.now()), clock.elapsed() + timeoutMs);
    return countOutcome(metrics, outcome.kind === 'acked' ? ACCEPTED : asRefusal(outcome));
  }
  return { accept, acceptAll: (exposures) => Promise.all(exposures.map(accept)), drain: () => spool.close() };
}

function asRefusal({ kind, reason }: { readonly kind: 'not-sent' | 'unknown' | 'refused'; readonly reason: string }): AcceptOutcome {
  if (kind === 'unknown') return { kind: 'outcome_unknown', reason };
  return { kind: 'unavailable', reason, retryAfterSeconds: RETRY_AFTER_SECONDS };
}
