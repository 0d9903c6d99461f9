// `gbx serve`: what --help prints.
import type { CommandEntry } from '../command-entry.ts';
import { HTTP, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const serve: CommandEntry = {
  name: 'serve',
  summary: 'Take exposures over HTTP and put them into Kafka',
  description:
    'Answers POST /exposure and POST /exposures: 2xx means that every in-sync replica holds the exposure, or, with a spool, the disk of this machine until they do.',
  options: [
    {
      flags: '--drain-only',
      about: 'Send what the spool folder holds and end: no port is opened. 75 when Kafka takes nothing for --drain-timeout.',
    },
  ],
  settings: [
    ...HTTP,
    'accept',
    'spoolDir',
    'spoolBytesMax',
    ...KAFKA,
    ...WAREHOUSE,
    ...LIMITS,
    'drainTimeoutSeconds',
    'drainDelaySeconds',
    ...LOG,
  ],
  needs: ['kafkaBootstrapServers'],
  examples: [
    'gbx serve --port 8000',
    'gbx serve --brokers kafka-1:9092,kafka-2:9092 --spool-dir /var/lib/gbx/spool',
    'gbx serve --drain-only --spool-dir /var/lib/gbx/spool',
  ],
  runsOn: true,
  finishesUnread: true,
  load: () => import('../commands/serve.ts'),
};
