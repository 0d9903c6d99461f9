// What `gbx find` takes on the command line, and what its help says; the work is in src/commands/find.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const find: CommandEntry = {
  name: 'find',
  summary: 'Where is an exposure now: spool, topic, held, dead letter or table?',
  description:
    'Looks at what is configured of the spool on this machine, Kafka and the warehouse, says what it could not see, and writes nothing. Exit 0: found; 1: not found, doubled, or passed by the ledger and not in the table; 69, 77, 78: it could not be answered.',
  arguments: [{ name: 'exposure_id', isOptional: true, about: 'The exposure; without it --user or --experiment.' }],
  options: [
    {
      flags: '--user <id>',
      type: 'text',
      about: 'List exposures of this user; with an exposure id: look only where that user’s records are.',
    },
    { flags: '--experiment <key>', type: 'text', about: 'List exposures of this experiment.' },
    {
      flags: '--since <place>',
      type: 'text',
      about:
        'Where in the topic to begin: a time, a time ago (36h), earliest, or an offset; a day ago unless the id tells that it is older.',
    },
    { flags: '--all-partitions', about: 'With --user: look at all partitions, for producers that place records in their own way.' },
    { flags: '--limit <n>', type: 'integer', default: 20, about: 'Exposures listed, the newest first; 1000 at most.' },
    { flags: '--show-content', about: 'Show users, variations and attributes too.' },
    JSON_OPTION,
  ],
  settings: ['spoolDir', ...KAFKA, 'deadLetterTopic', 'retryTopic', 'consumerGroup', ...WAREHOUSE, ...LIMITS, ...LOG],
  examples: [
    'gbx find 01985f0a-77d1-7c3e-9f3a-1b2c3d4e5f60',
    'gbx find rec_3q2-7wAB --since 2d --json',
    'gbx find --user user-42 --since 6h',
    'gbx find --experiment checkout --limit 100 --show-content',
  ],
  load: () => import('../commands/find.ts'),
};
