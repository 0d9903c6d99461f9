// What `gbx consume --help` prints; the work is in src/commands/consume.ts.
import type { CommandEntry } from '../command-entry.ts';
import { ADMIN, JSON_OPTION, KAFKA, LIMITS, LOAD, LOG, WAREHOUSE } from './shared.ts';

export const consume: CommandEntry = {
  name: 'consume',
  summary: 'Load exposures from Kafka into the warehouse, each once',
  description: 'Reads the topic and writes growthbook.experiment_exposures in batches; the ledger in the warehouse says how far it got.',
  options: [
    { flags: '--once', about: 'Load what stands in the topic now, then end: for cron, and for tests.' },
    { flags: '--dry-run', about: 'Only say what would be loaded and what given up: joins, writes and commits nothing.' },
    { ...JSON_OPTION, about: 'With --dry-run or --reset-ledger: print one JSON document instead of text.' },
    {
      flags: '--dead-letter-up-to <n>',
      type: 'integer',
      about: 'Give up so many records in this run, in all, of batches of which the warehouse refuses over half.',
    },
    { flags: '--reset-ledger <where>', type: 'text', about: 'Set the ledger to earliest, committed or an offset, print it and end.' },
    { flags: '--execute', about: 'With --reset-ledger: do it, instead of only showing it.' },
  ],
  settings: ['consumerGroup', 'deadLetterTopic', ...LOAD, ...KAFKA, ...WAREHOUSE, ...LIMITS, ...ADMIN, 'drainTimeoutSeconds', ...LOG],
  needs: ['kafkaBootstrapServers', 'dbHost', 'dbUser'],
  examples: [
    'gbx consume',
    'gbx consume --batch-size 500 --batch-timeout 10',
    'gbx consume --once',
    'gbx consume --dry-run --json',
    'gbx consume --reset-ledger earliest',
  ],
  runsOn: true,
  finishesUnread: true,
  load: () => import('../commands/consume.ts'),
};
