// The processes of a soak: killed, frozen and started again; whatever ends without having been told to is counted and
// started again, as an init system would. All that ever ran is kept, for its log.
import { systemClock } from '../../src/core/clock.ts';
import type { TestProcess } from '../support/process.ts';
import { processLoad } from '../support/process-load.ts';

const RESTART_MS = 500;

export interface Member extends AsyncDisposable {
  readonly name: string;
  /** The one that runs, or ran last. */
  current(): TestProcess;
  /** SIGKILL; not started again before `revive`. */
  kill(): Promise<void>;
  revive(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Notes the most memory that the one that runs has held; kill() does so too. */
  weigh(): Promise<void>;
}

export interface Fleet {
  readonly all: TestProcess[];
  /** Ends that nobody asked for. */
  readonly unexpected: string[];
  /** The most memory that one of them ever held, as far as it was weighed. */
  rssPeakBytes: number;
}

export function createFleet(): Fleet {
  return { all: [], unexpected: [], rssPeakBytes: 0 };
}

export async function openMember(fleet: Fleet, name: string, start: () => Promise<TestProcess>): Promise<Member> {
  let isMeant = false;
  let process = await launch();

  async function launch(): Promise<TestProcess> {
    isMeant = false;
    const started = await start();
    fleet.all.push(started);
    void started.exited.then((exit) => onExit(started, `code ${exit.code}, signal ${exit.signal}`));
    return started;
  }

  async function onExit(ended: TestProcess, how: string): Promise<void> {
    if (isMeant) return;
    const lastWords = ended.stderr().trimEnd().split('\n').slice(-6).join('\n    ');
    fleet.unexpected.push(`${name} ended by itself (${how}):\n    ${lastWords}`);
    await systemClock.sleep(RESTART_MS);
    if (!isMeant) process = await launch();
  }

  async function weigh(): Promise<void> {
    const load = await processLoad(process.pid).catch(() => undefined);
    fleet.rssPeakBytes = Math.max(fleet.rssPeakBytes, load?.rssPeakBytes ?? 0);
  }

  return {
    name,
    current: () => process,
    weigh,
    kill: async () => {
      await weigh();
      isMeant = true;
      process.signal('SIGKILL');
      await process.exited;
    },
    revive: async () => {
      process = await launch();
    },
    signal: (signal) => process.signal(signal),
    [Symbol.asyncDispose]: async () => {
      isMeant = true;
      await Promise.all(fleet.all.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}
