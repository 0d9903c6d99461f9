// `gbx verify` as the command line has it.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const verify: CommandEntry = {
  name: 'verify',
  summary: 'Was everything in a range loaded exactly once?',
  description:
    'Compares the topic (or a manifest) with ledger, table and dead letters; writes nothing, and consumers may go on. A place is a time, a time ago (6h), earliest, latest, an offset, or offsets by partition (0:1200,1:980). Exit 0: nothing missing, doubled, altered or phantom; 1: something is; 69, 77, 78: it could not be answered.',
  options: [
    { flags: '--from <place>', type: 'text', about: 'First record; without it the first of the topic.' },
    { flags: '--to <place>', type: 'text', about: 'End, exclusive; without it all that the ledger has passed.' },
    { flags: '--manifest <file>', type: 'text', about: 'What gbx smoke or gbx produce wrote down, instead of a range.' },
    { flags: '--ids <n>', type: 'count', default: 20, about: 'Exposures listed of each kind; counts are exact.' },
    JSON_OPTION,
  ],
  settings: [...KAFKA, 'deadLetterTopic', 'retryTopic', 'consumerGroup', ...WAREHOUSE, ...LIMITS, ...LOG],
  needs: ['kafkaBootstrapServers', 'dbHost', 'dbUser'],
  examples: ['gbx verify', 'gbx verify --from 6h --json', 'gbx verify --manifest sent.ndjson'],
  load: () => import('../commands/verify.ts'),
};
