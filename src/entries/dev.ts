// What `gbx dev --help` prints; the work is in src/commands/dev.ts.
import type { CommandEntry } from '../command-entry.ts';
import { ADMIN, HTTP, KAFKA, LIMITS, LOAD, WAREHOUSE } from './shared.ts';

export const dev: CommandEntry = {
  name: 'dev',
  summary: 'Run everything on this machine: Kafka, a warehouse, serve and consume',
  description: 'Starts real servers for what is not configured, and shows the way of each exposure. A batch is loaded after 1 s.',
  options: [
    { flags: '--fresh', about: 'Throw the data of the last time away; what waits for a Kafka of your own is kept.' },
    { flags: '--traffic <rate>', type: 'rate', about: 'Send synthetic exposures, e.g. 50/s.' },
    { flags: '--kafka-port <n>', type: 'port', about: 'Port of the Kafka that it starts.' },
    { flags: '--postgres-port <n>', type: 'port', about: 'Port of the PostgreSQL that it starts.' },
  ],
  settings: ['dataDir', ...HTTP, ...ADMIN, ...KAFKA, 'deadLetterTopic', 'consumerGroup', ...LOAD, ...WAREHOUSE, ...LIMITS],
  examples: ['gbx dev', 'gbx dev --traffic 50/s', 'gbx dev --fresh --port 8080'],
  runsOn: true,
  stopsWithinSeconds: 10,
  refusedInProduction: true,
  load: () => import('../commands/dev.ts'),
};
