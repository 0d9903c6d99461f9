// What the help of `gbx doctor` says, and where its work is.
import type { CommandEntry } from '../command-entry.ts';
import { ADMIN, HTTP, JSON_OPTION, KAFKA, LIMITS, LOAD, LOG, WAREHOUSE } from './shared.ts';

const SERVE_ONLY = ['httpHost', 'apiKeys', 'corsOrigins', 'acceptTimeoutMs', 'bodyBytesMax'];

export const doctor: CommandEntry = {
  name: 'doctor',
  summary: 'Look at everything this deployment stands on, and say what to do',
  description:
    'Checks this machine, the settings, Kafka, the warehouse, the pipeline between them, clocks and spool, side by side, 5 s each at most. Writes nothing. Exit 0: nothing failed; 1: something did.',
  options: [
    {
      flags: '--only <area>',
      type: 'text',
      choices: ['runtime', 'config', 'kafka', 'warehouse', 'pipeline', 'clocks', 'spool'],
      about: 'Only the checks of this area, and what they stand on.',
    },
    { flags: '--strict', about: 'Exit 1 also for what is to watch or unknown.' },
    {
      flags: '--bundle <file>',
      type: 'text',
      about: 'Write a report without secrets into this file: checks, settings, versions, metrics.',
    },
    JSON_OPTION,
  ],
  settings: [
    'deadLetterTopic',
    'consumerGroup',
    ...KAFKA,
    ...WAREHOUSE,
    ...LIMITS,
    ...LOAD,
    ...HTTP.filter((key) => !SERVE_ONLY.includes(key)),
    ...ADMIN,
    'spoolDir',
    'spoolBytesMax',
    ...LOG,
  ],
  examples: ['gbx doctor', 'gbx doctor --only warehouse', 'gbx doctor --strict --json', 'gbx doctor --bundle gbx-report.json'],
  showsConfig: true,
  load: () => import('../commands/doctor.ts'),
};
