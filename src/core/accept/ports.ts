// What the accept flow needs from outside: a way to send records that says, record by record, what became of them.
import type { OutgoingRecord } from '../exposure/exposure.ts';

export type SendOutcome =
  /** On all in-sync replicas. */
  | { readonly kind: 'acked' }
  /** Surely not stored: nothing of it left this process. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** Sent, but no answer came: it may be stored or not. Sending it again with the same id is harmless. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The broker refuses this record for itself. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * One attempt to write all the records, verified partition by partition; one outcome a record, in their order.
 * Never throws for what the network or the broker does.
 */
export type SendRecords = (records: readonly OutgoingRecord[]) => Promise<readonly SendOutcome[]>;
