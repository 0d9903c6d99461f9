// What the accept flow needs from outside: a way to send records that says, record by record, what became of them.
import type { ErrorCode } from '../errors.ts';
import type { OutgoingRecord } from '../exposure/exposure.ts';

export type SendOutcome =
  /** On all in-sync replicas. */
  | { readonly kind: 'acked' }
  /** Surely not stored: nothing of it left this process, or the broker appended nothing. `code`: why, where that has a name. */
  | { readonly kind: 'not-sent'; readonly reason: string; readonly code?: ErrorCode }
  /** Sent, but no answer came: it may be stored or not. Sending it again with the same id is harmless. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly code?: ErrorCode }
  /** The broker refuses this record for itself: for its size, or where `code` is GBX_RECORD_REFUSED for another reason. */
  | { readonly kind: 'refused'; readonly reason: string; readonly code?: ErrorCode };

/**
 * One attempt to write all the records, verified partition by partition; one outcome a record, in their order.
 * Never throws for what the network or the broker does.
 */
export type SendRecords = (records: readonly OutgoingRecord[]) => Promise<readonly SendOutcome[]>;
