// What must have happened in a run of the simulation: one in which a fault never came would prove nothing about it.

/** Too few to expect anything of. */
const FEW_SEEDS = 100;
/** Rarer ones show in long runs only. */
const LONG_RUN_SEEDS = 1_000;

const STEPS = ['open', 'offsets', 'claim', 'flush', 'findLoaded', 'tryRows', 'readLedger', 'requeue', 'dead letters', 'commit'];

/** What must have happened in any run: faults, and the paths that they lead to. */
const OFTEN = [
  'killed',
  'asked to stop',
  'stopped',
  'slept',
  'rebalances',
  'outage of the warehouse',
  'outage of Kafka',
  'wrong schema',
  'transient',
  'contention',
  'lost answer: claim, committed',
  'lost answer: claim, not committed',
  'lost answer: COMMIT, committed',
  'lost answer: COMMIT, not committed',
  'requeue: answer lost',
  'requeue: not written',
  'dead letters: answer lost',
  'dead letters: not written',
  'too large to be requeued',
  'client crashed',
  'client stalled',
  'forgotten by the group',
  'position lost',
  'log start moved',
  'expired unread',
  'log made anew',
  'rows refused',
  'everything refused',
  'most refused',
  'control row refused',
  'search ended',
  'log batch.read_again',
  'requeued 1',
  'requeued 3',
  'ledger held back',
  'written again, not due',
  'already loaded',
  'fenced',
  'reused in the table',
  'commit of no member',
  'dead letter GBX_NOT_JSON',
  'dead letter GBX_ID_REUSED',
  'dead letter GBX_ROW_REFUSED',
  'dead letter twice',
  'given up at once',
  'once finished',
  'ledger reset',
  'log source.rebuilt',
  'log log.gap_found',
  'log records.expired',
  'log circuit.closed',
  'log drain.cut_short',
  'log retention.half_used',
  'ended GBX_TOPIC_CHANGED',
  'ended GBX_WAREHOUSE_SCHEMA',
];

const SELDOM = [
  ...STEPS.flatMap((step) => [`killed before ${step}`, `killed after ${step}`]),
  'killed amid requeue',
  'killed amid dead letters',
  'log batch.cut_down',
  'ended GBX_FENCED',
  'ended GBX_CONSUMER_CRASHED',
  'ended GBX_WAREHOUSE_UNREACHABLE',
];

/** @returns what should have happened in so many seeds, and never did */
export function unseen(seen: Readonly<Record<string, number>>, seeds: number): string[] {
  if (seeds < FEW_SEEDS) return [];
  const wanted = seeds < LONG_RUN_SEEDS ? OFTEN : [...OFTEN, ...SELDOM];
  return wanted.filter((what) => (seen[what] ?? 0) === 0);
}
