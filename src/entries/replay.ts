// What `gbx replay --help` prints; the work is in src/commands/replay.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LIMITS, LOG, WAREHOUSE } from './shared.ts';

const FILTERED = ['list', 'stats', 'plan', 'export'];
const MADE = ['plan', 'import', 'range'];
const RUN = ['run', 'resume', 'range'];

export const replay: CommandEntry = {
  name: 'replay',
  summary: 'Look at dead letters, and load them or a range of the topic again',
  description:
    'list, inspect, stats and export look at dead letters; plan, import and range write down what would be loaded again; run --execute and resume do it; status and cancel are about plans. Filters (--since to --origin) belong to list, stats, plan and export; --rate to --wait to what runs a plan. Nothing is written to Kafka without --execute or resume. Exit 0: done; 1: some are not loaded; 65, 69, 77, 78: it could not be done; 75: another replay is running; 124: the first ones were not loaded in time.',
  arguments: [
    {
      name: 'action',
      choices: ['list', 'inspect', 'stats', 'plan', 'run', 'status', 'resume', 'cancel', 'export', 'import', 'range'],
      about: 'What to do.',
    },
    {
      name: 'what',
      isOptional: true,
      about: 'inspect: <partition>/<offset>, or an origin; run, resume, status, cancel: a plan; import: a file, or - for stdin.',
    },
  ],
  options: [
    { flags: '--since <time>', type: 'text', only: FILTERED, about: 'Given up since then: a time, or a time ago (6h).' },
    { flags: '--until <time>', type: 'text', only: FILTERED, about: 'Given up before then.' },
    { flags: '--code <list>', type: 'text', only: FILTERED, about: 'Reasons: GBX_ROW_REFUSED,GBX_INVALID_FIELD.' },
    { flags: '--offset <list>', type: 'text', only: FILTERED, about: 'Places in the dead-letter topic: 0:120-180,1:7.' },
    { flags: '--key <text>', type: 'text', only: FILTERED, about: 'Key of the record: the user.' },
    { flags: '--experiment <key>', type: 'text', only: FILTERED, about: 'Experiment of the exposure.' },
    {
      flags: '--origin <place>',
      type: 'text',
      only: FILTERED,
      about: 'Where the record was first written: exposures, exposures/0, exposures/0/120.',
    },
    {
      flags: '--limit <n>',
      type: 'count',
      only: ['list', 'plan', 'export'],
      about: 'So many at most; list shows 50 unless told, 0 is all.',
    },
    { flags: '--sort <order>', type: 'text', choices: ['newest', 'oldest'], only: ['list'], default: 'newest', about: 'Which come first.' },
    { flags: '--file <path>', type: 'text', only: ['export'], about: 'Write there, instead of to stdout.' },
    {
      flags: '--from <place>',
      type: 'text',
      only: ['range'],
      about: 'First record: a time, a time ago, earliest, an offset, or offsets by partition.',
    },
    { flags: '--to <place>', type: 'text', only: ['range'], about: 'End, exclusive; without it all that the ledger has passed.' },
    { flags: '--all', only: ['range'], about: 'Every exposure of the range, not only those that are missing.' },
    { flags: '--plan <file>', type: 'text', only: MADE, about: 'Write the plan there, instead of into the folder of plans.' },
    {
      flags: '--max-replays <n>',
      type: 'count',
      only: ['plan', 'range'],
      default: 2,
      about: 'Leave out what was replayed so often already.',
    },
    { flags: '--execute', only: ['run', 'range'], about: 'Do it, instead of only saying what would be done.' },
    { flags: '--rate <rate>', type: 'rate', only: RUN, default: 500, about: 'Records a second.' },
    {
      flags: '--canary <n>',
      type: 'count',
      only: RUN,
      default: 100,
      about: 'First so many, and the others once these are in the table; 0: none.',
    },
    { flags: '--max-refail <share>', type: 'text', only: RUN, default: '2%', about: 'Stop when more than this share fails again.' },
    {
      flags: '--wait <time>',
      type: 'duration',
      only: RUN,
      about: 'How long to wait until they are loaded, 60s unless told; 0: not at all, as goes with --canary 0.',
    },
    JSON_OPTION,
  ],
  settings: [
    'deadLetterTopic',
    'retryTopic',
    'consumerGroup',
    'replayDir',
    ...KAFKA,
    ...WAREHOUSE,
    ...LIMITS,
    'drainTimeoutSeconds',
    ...LOG,
  ],
  examples: [
    'gbx replay stats',
    'gbx replay list --code GBX_ROW_REFUSED --since 6h',
    'gbx replay plan --code GBX_ROW_REFUSED',
    'gbx replay run replay-20260131T120000Z-1a2b --execute --rate 200/s',
    'gbx replay export --code GBX_INVALID_FIELD --file letters.ndjson',
    'gbx replay range --from 6h',
  ],
  finishesUnread: true,
  load: () => import('../commands/replay.ts'),
};
