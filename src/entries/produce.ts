// What `gbx produce --help` prints; the work is in src/commands/produce.ts.
import type { CommandEntry } from '../command-entry.ts';
import { JSON_OPTION, KAFKA, LOG } from './shared.ts';

export const produce: CommandEntry = {
  name: 'produce',
  summary: 'Send exposures, synthetic or from a file, and measure how they are taken',
  description:
    'Into Kafka, or with --url through serve. Ends with a report; exit 0: all is in and every threshold reached, 1: not, 65: a wrong line, 69: the target is gone, 77: no right to write, 78: no such topic.',
  options: [
    { flags: '--url <url>', type: 'text', about: 'Post to serve there, instead of writing to Kafka.' },
    { flags: '--rate <rate>', type: 'text', about: 'Exposures a second, as 500/s or 30k/m, or max; 100/s unless told, with --file max.' },
    { flags: '--count <n>', type: 'text', about: 'End after so many: 1000, 10k, 2m.' },
    { flags: '--duration <time>', type: 'duration', about: 'End after this time; 30s unless count, stages or a file end it.' },
    { flags: '--stage <list>', type: 'text', about: 'Rates one after the other, instead of --rate: 100/s:30s,100-500/s:10s,500/s:1m.' },
    { flags: '--burst <n:time>', type: 'text', about: 'So many more at once, again and again: 200:2s.' },
    {
      flags: '--warmup <time>',
      type: 'duration',
      about: 'Sent but not measured; a tenth of a run of known length unless told, 3s at most.',
    },
    { flags: '--threshold <list>', type: 'text', about: 'Exit 1 unless reached: p99<50ms,errors<0.1%,achieved>98%.' },
    { flags: '--seed <text>', type: 'text', about: 'The same seed gives the same exposures, but for their times; the run id unless told.' },
    { flags: '--users <n>', type: 'integer', about: 'Different users, 10000 unless told, a million at most.' },
    { flags: '--zipf <exponent>', type: 'number', about: 'How uneven users are seen, 1.1 unless told; 0 is even.' },
    { flags: '--experiments <list>', type: 'text', about: 'Experiments with weights: checkout*3:50/50,pricing:control=2/new=1.' },
    {
      flags: '--srm <key:v=part>',
      type: 'text',
      about: 'Give a variation another part of the users than its weight says: checkout:0=0.6.',
    },
    { flags: '--duplicates <part>', type: 'text', about: 'Send this part a second time, with the same id: 2%.' },
    { flags: '--late <part>', type: 'text', about: 'Date this part back, by 1h unless told: 1% or 1%:2d.' },
    { flags: '--malformed <part>', type: 'text', about: 'Spoil this part: 0.5%. They become dead letters, or serve refuses them.' },
    { flags: '--file <path>', type: 'text', about: 'Send the exposures of this file, one JSON a line; - for stdin.' },
    { flags: '--skip-invalid', about: 'With --file: leave out lines that are not valid, and count them.' },
    { flags: '--batch <n>', type: 'integer', about: 'Most exposures that go out together; 1 with --url posts each alone.' },
    { flags: '--in-flight <n>', type: 'integer', about: 'Most batches without an answer at one time.' },
    {
      flags: '--retry-for <time>',
      type: 'duration',
      about: 'How long what fails is tried again, 30s unless told; the run ends when nothing gets through for so long.',
    },
    { flags: '--run-id <text>', type: 'text', about: 'Name of the run: in the header gbx-run-id, the attribute run_id and the manifest.' },
    { flags: '--manifest <file>', type: 'text', about: 'Write down what was sent and what became of it, for gbx verify.' },
    { flags: '--dry-run', about: 'Print what would be sent, 10 unless --count says more, and send nothing.' },
    { flags: '--confirm <name>', type: 'text', about: 'Needed where the target is not this machine: the topic, or the host of --url.' },
    JSON_OPTION,
  ],
  settings: [...KAFKA, 'drainTimeoutSeconds', ...LOG],
  examples: [
    'gbx produce --rate 500/s --duration 1m --manifest run.ndjson',
    'gbx produce --url http://127.0.0.1:8000 --stage 100/s:10s,1000/s:30s --threshold "p99<100ms,errors<0.1%"',
    'gbx produce --file exposures.ndjson --rate max',
    'gbx produce --dry-run --duplicates 5% --malformed 5%',
  ],
  load: () => import('../commands/produce.ts'),
};
