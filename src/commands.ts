// All commands, in the order of --help.
import type { CommandEntry } from './command-entry.ts';
import { completion } from './entries/completion.ts';
import { config } from './entries/config.ts';
import { consume } from './entries/consume.ts';
import { dev } from './entries/dev.ts';
import { doctor } from './entries/doctor.ts';
import { find } from './entries/find.ts';
import { lag } from './entries/lag.ts';
import { migrate } from './entries/migrate.ts';
import { produce } from './entries/produce.ts';
import { replay } from './entries/replay.ts';
import { serve } from './entries/serve.ts';
import { smoke } from './entries/smoke.ts';
import { verify } from './entries/verify.ts';

export const COMMANDS: readonly CommandEntry[] = [
  serve,
  consume,
  migrate,
  produce,
  smoke,
  verify,
  lag,
  replay,
  find,
  doctor,
  dev,
  config,
  completion(() => COMMANDS),
];
