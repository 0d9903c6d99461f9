// serve and consume as children of `gbx dev`, each on a port that it got. A port found free may be taken a moment later, as by
// another gbx dev that starts now: who did not get his is started again on another one, unless the user chose the port.
import { raceAbort } from '../core/clock.ts';
import type { Config, Sources } from '../core/config.ts';
import type { LogEvent } from '../core/follow/watch.ts';
import { childSettings } from './child-settings.ts';
import { type GbxProcess, openGbx } from './gbx-process.ts';
import { portNear } from './local-servers.ts';

interface OpenChildrenOptions {
  readonly config: Config;
  readonly sources: Sources;
  readonly graceSeconds: { readonly serve: number; readonly consume: number };
  readonly onEvent: (from: string, event: LogEvent) => void;
  readonly progress: (message: string) => void;
  readonly signal: AbortSignal;
}

interface Child {
  readonly process: GbxProcess;
  /** Where it listens, as it says itself. */
  readonly url: string;
}

/** Disposing stops serve first, so that nothing comes in any more when consume ends. */
export interface Children extends AsyncDisposable {
  readonly serve: Child;
  readonly consume: Child;
}

const KINDS = {
  serve: { port: 'httpPort', event: 'serve.listening', url: 'url', flag: '--port' },
  consume: { port: 'adminPort', event: 'consume.started', url: 'admin', flag: '--admin-port' },
} as const;

const TRIES = 3;

/** Both, or none. @throws {GbxError} GBX_LOCAL_STACK with its last words, where one ends before it listens */
export async function openChildren(options: OpenChildrenOptions): Promise<Children> {
  const failing = new AbortController();
  const signal = AbortSignal.any([options.signal, failing.signal]);
  const open = (kind: keyof typeof KINDS): Promise<Child> =>
    openChild(kind, { ...options, signal }).catch((problem: unknown) => {
      failing.abort(problem);
      throw problem;
    });
  const [consume, serve] = await Promise.allSettled([open('consume'), open('serve')]);
  if (consume.status === 'fulfilled' && serve.status === 'fulfilled') return combine(consume.value, serve.value, options.progress);
  for (const one of [serve, consume]) if (one.status === 'fulfilled') await one.value.process.stop();
  throw options.signal.aborted ? options.signal.reason : failing.signal.reason;
}

function combine(consume: Child, serve: Child, progress: (message: string) => void): Children {
  return {
    serve,
    consume,
    [Symbol.asyncDispose]: async () => {
      for (const { process } of [serve, consume]) {
        progress(`stopping ${process.name}`);
        await process.stop();
      }
    },
  };
}

async function openChild(kind: keyof typeof KINDS, options: OpenChildrenOptions): Promise<Child> {
  const { config, sources, graceSeconds, onEvent, progress, signal } = options;
  const { port: key, event, url, flag } = KINDS[kind];
  const isFree = sources[key] === 'default';
  for (let attempt = 1; ; attempt++) {
    const port = isFree ? await portNear({ wanted: config[key], what: kind, flag, progress }) : config[key];
    const env = childSettings({ ...config, [key]: port });
    const process = await openGbx([kind], { env, graceSeconds: graceSeconds[kind], onEvent: (said) => onEvent(kind, said) });
    try {
      const { fields } = await raceAbort(signal, process.until(event));
      return { process, url: String(fields[url]) };
    } catch (problem) {
      await process.stop();
      const { errorCode } = await process.ended;
      if (!isFree || errorCode !== 'GBX_PORT_IN_USE' || attempt === TRIES) throw problem;
    }
  }
}
