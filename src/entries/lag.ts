// What `gbx lag` takes on the command line, and what its help says; the work is in src/commands/lag.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const lag: CommandEntry = {
  name: 'lag',
  summary: 'Say how far loading is behind, why, and whether it gets better',
  description:
    'By the ledger where the warehouse is configured, else by the consumer group. Exit 0: within the limits given; 1: beyond one; 69, 77, 78: it cannot be told; 124: --wait ran out of time.',
  options: [
    {
      flags: '--sample <time>',
      type: 'duration',
      about: 'Look for this long, for rates; WARN, DRAIN and ETA need over three flushes. Without it once.',
    },
    { flags: '-w, --watch', about: 'Look again and again, until a signal; on a terminal as a live view, which q leaves.' },
    {
      flags: '--interval <time>',
      type: 'duration',
      about: 'Pause between two looks: with --watch (2s) or --wait (500ms); 100ms at least.',
    },
    { flags: '--explain <partition>', type: 'count', about: 'Show the samples of a partition, and the rule behind its verdict.' },
    { flags: '--by <what>', choices: ['ledger', 'group'], about: 'Count from the ledger, or from the committed offsets of the group.' },
    { flags: '--max-lag <records>', type: 'count', about: 'Exit 1 when more records than this are not loaded.' },
    { flags: '--max-partition-lag <records>', type: 'count', about: 'Exit 1 when it is more in a single partition.' },
    { flags: '--max-lag-seconds <n>', type: 'number', about: 'Exit 1 when a record that is not loaded is older.' },
    { flags: '--max-dlq <records>', type: 'count', about: 'Exit 1 when there are more dead letters.' },
    { flags: '--max-freshness <time>', type: 'duration', about: 'Exit 1 when the newest row of the table is older.' },
    { flags: '--fail-on <severity>', choices: ['warn', 'error'], about: 'Exit 1 for a verdict as bad as this; see --sample.' },
    { flags: '--wait', about: 'Look until the limits are kept; without limits, until all is loaded.' },
    { flags: '--timeout <time>', type: 'duration', about: 'With --wait: give up after this, exit 124 (60s).' },
    { flags: '--stable-for <time>', type: 'duration', about: 'With --wait: how long it must stay so (3s).' },
    { flags: '--allowed-lag <records>', type: 'count', default: 0, about: 'Lag that counts as none.' },
    {
      flags: '--stall-after <time>',
      type: 'duration',
      about: 'Standing still for longer is a stall; without it, three of the loader’s own gaps, 20s at least.',
    },
    { flags: '--only-lagging', about: 'Show partitions that lag only.' },
    {
      flags: '--sort <by>',
      choices: ['partition', 'lag', 'behind', 'eta', 'in', 'out', 'state'],
      default: 'partition',
      about: 'Order of the partitions; all but partition with the worst first.',
    },
    { flags: '--reverse', about: 'The other way round.' },
    { flags: '--wide', about: 'Show all columns.' },
    { flags: '--no-headers', about: 'Leave the header lines out.' },
    { flags: '--output <form>', choices: ['table', 'json', 'ndjson', 'csv', 'prometheus'], default: 'table', about: 'Form of the answer.' },
    JSON_OPTION,
  ],
  settings: [
    'consumerGroup',
    'deadLetterTopic',
    'retryTopic',
    'startFrom',
    'batchTimeoutSeconds',
    ...KAFKA,
    ...WAREHOUSE,
    ...LIMITS,
    ...LOG,
  ],
  needs: ['kafkaBootstrapServers'],
  examples: [
    'gbx lag',
    'gbx lag --sample 5s --explain 3',
    'gbx lag --max-lag-seconds 60 --max-dlq 0 --json',
    'gbx lag --wait --timeout 2m',
    'gbx lag --watch',
  ],
  load: () => import('../commands/lag.ts'),
};
