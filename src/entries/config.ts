// What `gbx config --help` prints; the work is in src/commands/config.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION } from './shared.ts';

export const config: CommandEntry = {
  name: 'config',
  summary: 'Show every setting, its value and where it came from',
  description:
    'Flags come before the environment, the environment before .env in the working directory, that before the default. Secrets are never shown.',
  arguments: [{ name: 'action', choices: ['explain'], about: 'What to do.' }],
  options: [JSON_OPTION],
  settings: [],
  examples: ['gbx config explain', 'gbx config explain --json'],
  showsConfig: true,
  load: () => import('../commands/config.ts'),
};
