// `gbx serve` with a spool in a folder of the test's own, and what tests ask of it.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { startGbx, type TestProcess } from './process.ts';
import { type Serving, startServe } from './serving.ts';
import { testStack } from './stack.ts';
import { readTopic } from './topic-log.ts';

/** Nothing listens there. */
export const NO_KAFKA = '127.0.0.1:1';

interface ServeOptions {
  readonly topic: string;
  /** @default the shared broker */
  readonly brokers?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface SpoolFolder extends AsyncDisposable {
  /** Not there yet. */
  readonly dir: string;
  serve(options: ServeOptions): Promise<Serving>;
  drainOnly(options: ServeOptions, args?: readonly string[]): Promise<TestProcess>;
  segments(): Promise<string[]>;
  /** Leaves `count` exposures in the folder, in one segment. @returns their ids */
  leaveBehind(topic: string, count: number): Promise<string[]>;
}

export async function openSpoolFixture(): Promise<SpoolFolder> {
  const parent = await mkdtemp(join(tmpdir(), 'gbx-spool-'));
  const dir = join(parent, 'spool');
  const serve: SpoolFolder['serve'] = ({ topic, brokers = testStack().brokers, env = {} }) =>
    startServe({ brokers, topic, env: { GBX_SPOOL_DIR: dir, ...env } });
  return {
    dir,
    serve,
    drainOnly: ({ topic, brokers = testStack().brokers }, args = []) => {
      const env = { KAFKA_BOOTSTRAP_SERVERS: brokers, GBX_TOPIC: topic, GBX_SPOOL_DIR: dir, GBX_LOG_FORMAT: 'json' };
      return startGbx(['serve', '--drain-only', ...args], { cwd: parent, env });
    },
    segments: async () => (await readdir(dir)).filter((name) => name.endsWith('.spool')),
    leaveBehind: async (topic, count) => {
      await using serving = await serve({ topic, brokers: NO_KAFKA, env: { GBX_DRAIN_TIMEOUT_SECONDS: '1' } });
      const ids = Array.from({ length: count }, (_, i) => `left-${i}`);
      const answer = await serving.post({ exposures: ids.map((id) => spooledExposure(id)) }, '/exposures');
      expect(answer.status).toBe(200);
      serving.process.signal('SIGTERM');
      expect(await serving.process.exit()).toMatchObject({ code: 75 });
      const said = serving.process.stderr();
      for (const words of [`${count} records`, dir, '--drain-only']) expect(said).toContain(words);
      return ids;
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

export function spooledExposure(id: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { exposure_id: id, ds_user_id: `user-${id}`, experiment_id: 'checkout', variation_id: '1', ...more };
}

/** Of all that stands in the topic; an id stands as often as it was sent. */
export async function idsIn(topic: string, brokers: string = testStack().brokers): Promise<string[]> {
  const records = await readTopic({ brokers, topic });
  return records.map(({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id);
}

export async function untilInTopic(topic: string, ids: Iterable<string>, brokers?: string): Promise<void> {
  await eventually('every accepted exposure in the topic', async () => {
    const there = new Set(await idsIn(topic, brokers));
    return [...ids].every((id) => there.has(id));
  });
}

/** Of a counter or gauge, as /metrics gives it now. @param name with its labels */
export async function metricOf({ url }: Pick<Serving, 'url'>, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  );
}
