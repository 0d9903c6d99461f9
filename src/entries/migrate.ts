// What `gbx migrate --help` prints; the work is in src/commands/migrate.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const migrate: CommandEntry = {
  name: 'migrate',
  summary: 'Make the tables and topics, or say what is missing',
  description: 'status says where the schema stands, plan shows what up would do, up does it: numbered files of sql/, then missing topics.',
  arguments: [{ name: 'action', choices: ['status', 'plan', 'up'], about: 'What to do.' }],
  options: [
    { flags: '--partitions <n>', type: 'integer', only: ['plan', 'up'], default: 6, about: 'Partitions of a topic that up creates.' },
    {
      flags: '--replication <n>',
      type: 'integer',
      only: ['plan', 'up'],
      about: "Copies of each partition of a topic that up creates; without it, the brokers' default.",
    },
    { flags: '--dry-run', only: ['plan', 'up'], about: 'With up: show what would be done, and do nothing.' },
    { flags: '--check', only: ['status'], about: 'With status: exit 1 when something is left to do.' },
    JSON_OPTION,
  ],
  settings: ['deadLetterTopic', 'retryTopic', ...KAFKA, ...WAREHOUSE, ...LIMITS, ...LOG],
  needs: ['dbHost', 'dbUser'],
  examples: ['gbx migrate plan', 'gbx migrate up --partitions 12 --replication 3', 'gbx migrate status --check'],
  finishesUnread: true,
  load: () => import('../commands/migrate.ts'),
};
