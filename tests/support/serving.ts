// `gbx serve` as a real process for one test, and clients that post to it.
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import { startGbx, type TestProcess } from './process.ts';

/** A folder without a `.env`. */
const FOLDER = fileURLToPath(new URL('.', import.meta.url));

interface ServingOptions {
  readonly brokers: string;
  readonly topic: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Wait until it says that it is ready. @default true */
  readonly untilReady?: boolean;
}

export interface Serving extends AsyncDisposable {
  readonly process: TestProcess;
  readonly url: string;
  post(body: unknown, path?: string): Promise<Response>;
  readyz(): Promise<{ readonly status: number; readonly text: string }>;
  untilReady(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** On a free port of 127.0.0.1, unless the environment says otherwise. */
export async function startServe({ brokers, topic, env = {}, untilReady = true }: ServingOptions): Promise<Serving> {
  const settings = {
    KAFKA_BOOTSTRAP_SERVERS: brokers,
    GBX_TOPIC: topic,
    GBX_HTTP_HOST: '127.0.0.1',
    GBX_HTTP_PORT: '0',
    GBX_LOG_FORMAT: 'json',
  };
  const child = await startGbx(['serve'], { cwd: FOLDER, env: { ...settings, ...env } });
  try {
    const { url } = JSON.parse(await child.line('"serve.listening"')) as { url: string };
    const serving = serveAt(child, url);
    if (untilReady) await serving.untilReady();
    return serving;
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

function serveAt(child: TestProcess, url: string): Serving {
  const readyz = async () => {
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, text: await response.text() };
  };
  return {
    process: child,
    url,
    post: (body, path = '/exposure') =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    readyz,
    untilReady: async (options) => {
      await eventually('serve ready', async () => (await readyz()).status === 200, options);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Nobody listens: what was to be posted was not sent. */
export function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
}

interface Posting {
  /** Ids answered with 200. */
  readonly accepted: ReadonlySet<string>;
  /** How often each other status came; 0 stands for a connection that was refused, -1 for one that broke. */
  readonly refused: ReadonlyMap<number, number>;
  /** Ends the clients and waits for their last answers. */
  stop(): Promise<void>;
}

/** Clients that post one exposure after the other, each id once, until they are stopped. */
export function postSteadily(
  { url }: Pick<Serving, 'url'>,
  { clients, prefix }: { readonly clients: number; readonly prefix: string },
): Posting {
  const accepted = new Set<string>();
  const refused = new Map<number, number>();
  let isStopped = false;
  const post = async (id: string): Promise<void> => {
    const body = JSON.stringify({ exposure_id: id, ds_user_id: `user-${id}`, experiment_id: 'checkout', variation_id: '1' });
    try {
      const response = await fetch(`${url}/exposure`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await response.text();
      if (response.status === 200) accepted.add(id);
      else refused.set(response.status, (refused.get(response.status) ?? 0) + 1);
    } catch (error) {
      const status = isRefused(error) ? 0 : -1;
      refused.set(status, (refused.get(status) ?? 0) + 1);
    }
  };
  const client = async (number: number): Promise<void> => {
    for (let i = 0; !isStopped; i++) await post(`${prefix}-${number}-${i}`);
  };
  const running = Array.from({ length: clients }, (_, number) => client(number));
  return {
    accepted,
    refused,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
  };
}
