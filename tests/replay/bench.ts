// The actions of `gbx replay` on dead letters and a table in memory, with plans in a folder of the test's own.
import { Readable } from 'node:stream';
import { parseConfig } from '../../src/core/parse-config.ts';
import type { Stack } from '../../src/replay/open-stack.ts';
import type { CommandContext } from '../../src/run-command.ts';
import { NOON_MS, PLACE, READING, type World } from '../core/replay/world.ts';
import { fixedClock, seededRandom } from '../support/clock.ts';

interface BenchOptions {
  /** Of the plans. */
  readonly folder: string;
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly stdin?: Buffer;
  readonly signal?: AbortSignal;
  /** Where the ledger stands in the one partition of the topic; without it there is none. */
  readonly ledger?: bigint;
}

export interface Bench {
  readonly context: CommandContext;
  readonly stack: Stack;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

const STANDARD = { maxReplays: 2, rate: 500, canary: 100, maxRefail: '2%' };

export function createBench(world: World, bench: BenchOptions): Bench {
  const { folder, args = [], options = {}, stdin, signal = READING.signal, ledger } = bench;
  const [stdout, stderr] = [createOutput(), createOutput()];
  const quiet = (): void => undefined;
  const env = { GBX_TOPIC: 't', GBX_DEAD_LETTER_TOPIC: 'dlq', GBX_REPLAY_DIR: folder, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' };
  const row = { partition: 0, nextOffset: ledger ?? 0n, epoch: 1, owner: 'o', host: 'h', lastRecord: undefined };
  const stack: Stack = {
    logs: { ...world.logs, offsetsAt: async () => new Map() },
    clusterId: PLACE.clusterId,
    rows: { readLedger: async () => (ledger === undefined ? [] : [row]) } as unknown as Stack['rows'],
    table: world.table,
    place: PLACE,
    reading: { ...READING, signal },
    clearLine: quiet,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const context: CommandContext = {
    ...parseConfig({ flags: {}, env, dotEnv: {}, readSecretFile: () => '' }),
    runtime: { version: '1.2.3', node: '20.20.2', platform: 'linux', arch: 'x64', memoryBytesMax: undefined },
    options: { ...STANDARD, ...options },
    args,
    log: { error: quiet, warn: quiet, info: quiet, debug: quiet },
    clock: fixedClock(NOON_MS),
    random: seededRandom(1),
    signal,
    stdout,
    stderr,
    stdin: stdin && (() => Readable.from([stdin])),
  };
  return { context, stack, stdout: stdout.text, stderr: stderr.text };
}

function createOutput() {
  let printed = '';
  const write = (text: string): void => {
    printed += text;
  };
  return { write, isTty: false, columns: 80, text: () => printed };
}
