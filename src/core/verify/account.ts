// The books of a verification: what became of each exposure that must be there, counted in all, by partition and by
// experiment. Counts are exact; the exposures themselves are listed elsewhere, up to a limit.

/** What became of one exposure id. */
export interface Fate {
  readonly kind: /** One row, with its content; or several, as far apart in time as the docs allow. */
    | 'loaded'
    | 'dead-lettered'
    | 'missing'
    /** A row, but not as it must be: doubled, altered, or both. */
    | 'wrong'
    /** Not in the table yet: a copy of it waits behind the ledger. */
    | 'waiting'
    /** A row although it was refused. */
    | 'unexpected'
    /** No row, which is right: refused, or nobody knows whether it was accepted. */
    | 'absent';
  readonly isDoubled?: boolean;
  readonly isAltered?: boolean;
  /** Other exposures under the same id, given up as GBX_ID_REUSED. */
  readonly reused?: number;
  /** In the dead letters as well as in the table: the row counts. */
  readonly isInBoth?: boolean;
  /** Several rows more than a day apart. */
  readonly isAgain?: boolean;
  /** Of a dead letter. */
  readonly code?: string;
}

export interface Tally {
  /** Exposure ids, and records that are no exposures. */
  expected: number;
  loaded: number;
  missing: number;
  doubled: number;
  altered: number;
  deadLettered: number;
  waiting: number;
}

export interface Totals extends Tally {
  unexpected: number;
  absent: number;
  idReused: number;
  inBoth: number;
  loadedAgain: number;
}

interface Whose {
  readonly partition: number | undefined;
  readonly experiment: string;
}

export interface Account {
  readonly totals: Totals;
  readonly byPartition: Map<number, Tally>;
  readonly byExperiment: Map<string, Tally>;
  /** Exposures in the dead letters, and records that are none, by reason. */
  readonly byCode: Map<string, number>;
  add(fate: Fate, whose: Whose): void;
}

export function createAccount(): Account {
  const account = {
    totals: { ...newTally(), unexpected: 0, absent: 0, idReused: 0, inBoth: 0, loadedAgain: 0 },
    byPartition: new Map<number, Tally>(),
    byExperiment: new Map<string, Tally>(),
    byCode: new Map<string, number>(),
  };
  return {
    ...account,
    add(fate, { partition, experiment }) {
      const { totals, byPartition, byExperiment, byCode } = account;
      tally(totals, fate);
      if (partition !== undefined) tally(at(byPartition, partition), fate);
      if (experiment !== '') tally(at(byExperiment, experiment), fate);
      if (fate.kind === 'unexpected') totals.unexpected++;
      if (fate.kind === 'absent') totals.absent++;
      totals.idReused += fate.reused ?? 0;
      if (fate.isInBoth) totals.inBoth++;
      if (fate.isAgain) totals.loadedAgain++;
      if (fate.kind === 'dead-lettered' && fate.code !== undefined) byCode.set(fate.code, (byCode.get(fate.code) ?? 0) + 1);
    },
  };
}

function newTally(): Tally {
  return { expected: 0, loaded: 0, missing: 0, doubled: 0, altered: 0, deadLettered: 0, waiting: 0 };
}

function at<Key>(tallies: Map<Key, Tally>, key: Key): Tally {
  const known = tallies.get(key);
  if (known !== undefined) return known;
  const made = newTally();
  tallies.set(key, made);
  return made;
}

function tally(tallied: Tally, { kind, isDoubled = false, isAltered = false }: Fate): void {
  tallied.expected++;
  if (kind === 'loaded') tallied.loaded++;
  if (kind === 'missing') tallied.missing++;
  if (kind === 'dead-lettered') tallied.deadLettered++;
  if (kind === 'waiting') tallied.waiting++;
  if (isDoubled) tallied.doubled++;
  if (isAltered) tallied.altered++;
}
