// What passes from a source of exposures (traffic, lines) through the run to a target (Kafka, serve): the types between them.
import type { SendOutcome } from '../accept/ports.ts';
import type { Exposure } from '../exposure/exposure.ts';
import type { SlotKind } from '../traffic/slots.ts';

export interface Outgoing {
  readonly kind: SlotKind;
  /** What it is, or would be if it were not malformed. */
  readonly exposure: Exposure;
  /** JSON as records carry it and as serve takes it. */
  readonly value: string;
}

export interface TakeLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

/** At least one, as long as there are any; empty at the end. @throws {GbxError} GBX_INPUT_INVALID for input that cannot be sent */
export type Take = (limits: TakeLimits) => Promise<readonly Outgoing[]> | readonly Outgoing[];

/** One attempt to hand all of them over; one outcome each, in their order. @throws {GbxError} where the target is not what it should be */
export type Attempt = (items: readonly Outgoing[]) => Promise<readonly SendOutcome[]>;
