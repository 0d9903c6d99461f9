// What `gbx smoke --help` prints; the work is in src/commands/smoke.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, LIMITS, LOG, WAREHOUSE } from './shared.ts';

export const smoke: CommandEntry = {
  name: 'smoke',
  summary: 'Post exposures and wait until each is in the warehouse, once',
  description:
    'For after a deployment. Exit 0: all there, once, unaltered; 1: some missing, doubled or altered; 69: not reachable; 124: not in time.',
  options: [
    { flags: '--url <url>', type: 'text', default: 'http://127.0.0.1:8000', about: 'Where gbx serve listens.' },
    { flags: '--count <n>', type: 'integer', default: 20, about: 'Exposures to post.' },
    { flags: '--timeout <time>', type: 'duration', about: 'Until when all must be in the warehouse (120s).' },
    { flags: '--manifest <file>', type: 'text', about: 'Write down what was sent.' },
    JSON_OPTION,
  ],
  settings: [...WAREHOUSE, ...LIMITS, ...LOG],
  needs: ['dbHost', 'dbUser'],
  examples: ['gbx smoke --url https://exposures.example.com --count 100', 'gbx smoke --json'],
  load: () => import('../commands/smoke.ts'),
};
