// What a verification is asked, and with what it works.
import type { Clock } from '../clock.ts';
import type { LedgerScope } from '../load/ports.ts';
import type { ManifestHead } from '../traffic/manifest.ts';
import type { Logs, VerifyWarehouse } from './ports.ts';
import type { Place } from './range.ts';
import type { OnProgress } from './scan.ts';

export interface VerifyPlan {
  readonly scope: LedgerScope;
  readonly deadLetterTopic: string;
  /** Where refused rows are requeued to, when it is another topic. */
  readonly retryTopic: string | undefined;
  readonly from: Place | undefined;
  readonly to: Place | undefined;
  /** Lines of a manifest, to be read more than once; without it the topic says what must be there. */
  readonly manifest: (() => AsyncIterable<string>) | undefined;
  /** Of a manifest that was read whole already, and found right; absent: it is read first. */
  readonly manifestHead?: ManifestHead | undefined;
  /** How many exposures of a kind are listed. */
  readonly idsMax: number;
  /** Exposures of one pass: more take several, for the memory. @default 2,000,000 */
  readonly entriesMax?: number;
}

export interface VerifyDeps {
  readonly logs: Logs;
  readonly warehouse: VerifyWarehouse;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Why rows that no record accounts for cannot be called phantoms. */
export type PhantomDoubt = 'manifest' | 'part of the topic' | 'expired records' | 'other ledgers' | 'busy';
