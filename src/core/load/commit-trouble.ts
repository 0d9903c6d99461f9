// Says that commits to the group fail: once, then now and then with a count, and once when they work again. While the broker that
// keeps the group is away each batch brings another failure, hundreds a minute. Part of flight.ts.
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';

export interface CommitTrouble {
  failed(reason: string): void;
  worked(): void;
}

const REMIND_MS = 30_000;

export function createCommitTrouble({ log, clock }: { readonly log: Logger; readonly clock: Clock }): CommitTrouble {
  let failures = 0;
  let sinceMs = 0;
  let saidAtMs = 0;
  return {
    failed: (reason) => {
      const nowMs = clock.elapsed();
      if (failures++ === 0) sinceMs = nowMs;
      else if (nowMs - saidAtMs < REMIND_MS) return;
      saidAtMs = nowMs;
      log.warn('group.commit_failed', { reason, failures, lost: 'nothing: the ledger has it' });
    },
    worked: () => {
      if (failures > 0) log.info('group.commits_again', { failures, seconds: Math.round((clock.elapsed() - sinceMs) / 1000) });
      failures = 0;
    },
  };
}
