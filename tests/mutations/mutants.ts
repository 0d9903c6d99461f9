// The guards of the protocol (docs/delivery.md, docs/spool.md), in the order in which an exposure passes them.
import { ACCEPT_MUTANTS } from './accept-mutants.ts';
import { CLIENT_MUTANTS } from './client-mutants.ts';
import { KAFKA_MUTANTS } from './kafka-mutants.ts';
import { LOAD_MUTANTS } from './load-mutants.ts';
import type { Mutant } from './mutant.ts';
import { REFUSAL_MUTANTS } from './refusal-mutants.ts';
import { SUPERVISE_MUTANTS } from './supervise-mutants.ts';
import { WAREHOUSE_MUTANTS } from './warehouse-mutants.ts';

/** By the name of their file. */
export const LISTS: Readonly<Record<string, readonly Mutant[]>> = {
  'accept-mutants': ACCEPT_MUTANTS,
  'kafka-mutants': KAFKA_MUTANTS,
  'client-mutants': CLIENT_MUTANTS,
  'supervise-mutants': SUPERVISE_MUTANTS,
  'load-mutants': LOAD_MUTANTS,
  'refusal-mutants': REFUSAL_MUTANTS,
  'warehouse-mutants': WAREHOUSE_MUTANTS,
};

export const MUTANTS: readonly Mutant[] = Object.values(LISTS).flat();
