// Keeps a way to send open, whatever Kafka does: serve starts without it, says why it is not ready, and goes on by
// itself once the cause is mended. Opened by src/commands/serve.ts; the acceptor sends through it.
import type { Clock, Random } from '../clock.ts';
import { asGbxError, GbxError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { backoffMs } from '../retry.ts';
import type { SendRecords } from './ports.ts';

/** What is kept open; it heals lost connections itself. */
export interface Sender extends AsyncDisposable {
  readonly send: SendRecords;
  /** False while it knows that nothing can be sent. */
  isUp(): boolean;
  /** Whether what it sends to is there. @throws {GbxError} */
  check(): Promise<void>;
}

export interface KeptSender extends AsyncDisposable {
  readonly send: SendRecords;
  isUp(): boolean;
  /** Why nothing can be sent now; undefined while it can. */
  problem(): GbxError | undefined;
  /** Resolves when the first attempt to open it has ended, well or not. */
  readonly tried: Promise<void>;
}

interface KeepDeps {
  /** @throws {GbxError} */
  readonly open: () => Promise<Sender>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const CHECK_MS = 5_000;
const BACKOFF = { firstMs: 250, maxMs: 3_000 };
const REMIND_MS = 60_000;

export function keepSender({ open, clock, random, log }: KeepDeps): KeptSender {
  const stop = new AbortController();
  let sender: Sender | undefined;
  let problem: GbxError | undefined = new GbxError('GBX_KAFKA_UNREACHABLE', 'not connected to Kafka yet');
  let endFirst = (): void => undefined;
  const tried = new Promise<void>((resolve) => {
    endFirst = resolve;
  });
  const report = createReporter(clock, log);

  /** @returns undefined when all is well @throws what has no name: a bug */
  async function attempt(): Promise<GbxError | undefined> {
    try {
      sender ??= await open();
      await sender.check();
      return undefined;
    } catch (error) {
      const known = asGbxError(error);
      if (known.code === 'GBX_BUG') throw error;
      return known;
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stop.signal.aborted; ) {
      problem = await attempt();
      failures = problem === undefined ? 0 : failures + 1;
      report(problem);
      endFirst();
      await clock.sleep(problem === undefined ? CHECK_MS : backoffMs(failures - 1, BACKOFF, random), stop.signal);
    }
  }

  const running = run();
  return {
    send: (records) =>
      sender?.send(records) ?? Promise.resolve(records.map(() => ({ kind: 'not-sent', reason: 'not connected to Kafka' }))),
    isUp: () => problem === undefined && sender?.isUp() === true,
    problem: () => problem ?? (sender?.isUp() ? undefined : new GbxError('GBX_KAFKA_UNREACHABLE', 'no broker answers')),
    tried,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await sender?.[Symbol.asyncDispose]();
    },
  };
}

/** Loud once when something is wrong, again each minute while it lasts, and once when it is mended. */
function createReporter(clock: Clock, log: Logger): (problem: GbxError | undefined) => void {
  let reported: GbxError | undefined;
  let reportedAtMs = 0;
  return (problem) => {
    if (problem === undefined && reported !== undefined) log.info('kafka.usable', { after: reported.code });
    const isNew = problem?.code !== reported?.code || clock.elapsed() - reportedAtMs >= REMIND_MS;
    if (problem !== undefined && isNew) {
      // An outage mends itself; anything else waits for a person.
      const level = problem.failure === 'transient' ? 'warn' : 'error';
      log[level]('kafka.not_usable', { error: problem });
      reportedAtMs = clock.elapsed();
    }
    reported = problem;
  };
}
