// What was asked for on the command line of `npm run bench`.
import { parseArgs } from 'node:util';

const PARTS = ['drain', 'poison', 'idle', 'verify', 'http', 'spool', 'produce', 'replay', 'lag', 'start'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Records in the topic that is drained. */
  readonly records: number;
  /** Rows that the full table holds before. */
  readonly rows: number;
  /** Times each drain is run; the median counts. */
  readonly runs: number;
  /** Length of one HTTP measurement. */
  readonly seconds: number;
  /** Drains also this many times the records, once, for the memory. 1: does not. */
  readonly backlog: number;
  /** Only a CPU profile of one drain. */
  readonly profile: boolean;
  readonly profileDialect: 'postgres' | 'redshift';
  /** Whether the figures go into README.md. */
  readonly isWritten: boolean;
}

export const USAGE = `npm run bench -- [drain|poison|idle|verify|http|spool|produce|replay|lag|start|all] [options]
  --records <n>   records to drain                                      300000
  --rows <n>      rows in the full table, 0 leaves its cases out      10000000
  --runs <n>      runs of each drain and HTTP measurement, the median counts 3
  --seconds <n>   length of one HTTP measurement                            10
  --backlog <n>   drain n times the records too, for the memory             10
  --quick         30000 records, 200000 rows, 1 run, 3 s, no backlog; writes nothing
  --profile       only a CPU profile of one drain; writes nothing
  --dialect <d>   postgres or redshift: of the drain that is profiled  postgres
  --no-write      leave bench/README.md as it is
`;

/** @throws {RangeError} with the usage */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      records: { type: 'string' },
      rows: { type: 'string' },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      backlog: { type: 'string' },
      dialect: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const { quick, profile } = values;
  return {
    parts: parseParts(positionals),
    records: count(values.records, { otherwise: quick ? 30_000 : 300_000, min: 1_000 }),
    rows: count(values.rows, { otherwise: quick ? 200_000 : 10_000_000, min: 0 }),
    runs: count(values.runs, { otherwise: quick ? 1 : 3, min: 1 }),
    seconds: count(values.seconds, { otherwise: quick ? 3 : 10, min: 1 }),
    backlog: count(values.backlog, { otherwise: quick ? 1 : 10, min: 1 }),
    profile,
    profileDialect: values.dialect === 'redshift' ? 'redshift' : 'postgres',
    isWritten: !(quick || profile || values['no-write']),
  };
}

function parseParts(positionals: readonly string[]): readonly Part[] {
  const [only = 'all', ...more] = positionals;
  if (more.length > 0) throw new RangeError(USAGE);
  if (only === 'all') return PARTS;
  const part = PARTS.find((one) => one === only);
  if (part === undefined) throw new RangeError(USAGE);
  return [part];
}

function count(text: string | undefined, { otherwise, min }: { readonly otherwise: number; readonly min: number }): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min) throw new RangeError(USAGE);
  return value;
}
