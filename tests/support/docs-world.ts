// What the pages of docs/ speak of, as real as it gets: a topic that is loaded, serve and consume beside it, an exposure with an id and one
// without, a dead letter that can be edited, and rows that the warehouse refuses on demand.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { openPipeline, otherTraffic, type Pipeline } from './pipeline.ts';
import { startGbx, type TestProcess } from './process.ts';
import { type Serving, startServe } from './serving.ts';
import { openDatabase } from './stack.ts';
import { endOffsets, writeRecords } from './topic-log.ts';

/** Pages speak of partitions by number. */
const PARTITIONS = 12;
const REFUSED = 2;

export interface DocsWorld extends AsyncDisposable {
  readonly pipeline: Pipeline;
  readonly serving: Serving;
  /** Where the lines run; plans and manifests come to lie there. */
  readonly folder: string;
  readonly known: { readonly exposureId: string; readonly derivedId: string; readonly user: string; readonly experiment: string };
  startConsumer(): Promise<void>;
  stopConsumer(): Promise<void>;
  /** Rows that the table refuses become dead letters; now it would take them. */
  refuseRows(): Promise<void>;
  /** A new plan. @returns its name */
  plan(): Promise<string>;
  /** A new plan whose run was stopped before its end. @returns its name */
  stoppedReplay(): Promise<string>;
  /** Mends the dead letters in a file that `gbx replay export` wrote, as the page says. */
  editLetters(file: string): Promise<void>;
}

export async function openDocsWorld(): Promise<DocsWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'gbx-docs-'));
  const database = await openDatabase({ migrated: false });
  const pipeline = await openPipeline({ partitions: PARTITIONS, database });
  const serving = await startServe({ ...pipeline, env: pipeline.env });
  const { startConsumer, stopConsumer } = createConsumerSwitch(pipeline);
  const events = createEvents(pipeline);
  const gbx = async (args: readonly string[]): Promise<string> => {
    await using child = await startGbx(args, { env: pipeline.env, cwd: folder });
    const { code } = await child.exit();
    if (code !== 0) throw new Error(`gbx ${args.join(' ')} ended with ${code}: ${child.stderr()}`);
    return child.stdout();
  };
  const refuseRows = async (): Promise<void> => {
    await startConsumer();
    await events.refuse();
  };
  const plan = async (): Promise<string> => {
    await refuseRows();
    return planName(await gbx(['replay', 'plan', '--code', 'GBX_ROW_REFUSED']));
  };
  const stoppedReplay = async (): Promise<string> => {
    const name = await plan();
    await using child = await startGbx(['replay', 'run', name, '--execute', '--rate', '1/s', '--canary', '1'], {
      env: pipeline.env,
      cwd: folder,
    });
    await eventually('a replay under way', async () => /running/u.test(await gbx(['replay', 'status', name])));
    child.signal('SIGINT');
    await child.exit();
    return name;
  };
  await gbx(['migrate', 'up']);
  await startConsumer();
  const known = await events.begin();
  return {
    ...{ pipeline, serving, folder, known, startConsumer, stopConsumer, refuseRows, plan, stoppedReplay },
    editLetters: async (file) => editLetters(join(folder, file)),
    [Symbol.asyncDispose]: async () => {
      await serving[Symbol.asyncDispose]();
      await pipeline[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The plan that an answer of `gbx replay` names. */
export function planName(stdout: string): string {
  const [, name] = /gbx replay run (\S+)/u.exec(stdout) ?? [];
  if (name === undefined) throw new Error(`no plan in: ${stdout}`);
  return name;
}

function createConsumerSwitch(pipeline: Pipeline): Pick<DocsWorld, 'startConsumer' | 'stopConsumer'> {
  let consumer: TestProcess | undefined;
  return {
    startConsumer: async () => {
      if (consumer !== undefined) return;
      consumer = await pipeline.consumer({ MAX_RETRIES: '0' });
      await consumer.line('"partitions.claimed"');
    },
    stopConsumer: async () => {
      consumer?.signal('SIGTERM');
      await consumer?.exit();
      consumer = undefined;
    },
  };
}

interface Events {
  begin(): Promise<DocsWorld['known']>;
  refuse(): Promise<void>;
}

/** What comes into the topic; a consumer runs. */
function createEvents(pipeline: Pipeline): Events {
  const { brokers, topic, deadLetterTopic, database } = pipeline;
  const traffic = otherTraffic();
  let count = 0;
  const exposure = (changes: Readonly<Record<string, unknown>>): string => JSON.stringify({ ...traffic.eventAt(count++), ...changes });
  const write = (values: readonly string[]): Promise<unknown> =>
    writeRecords(
      { brokers, topic },
      values.map((value) => ({ partition: 0, key: 'docs', value })),
    );
  const letters = async (): Promise<bigint> => (await endOffsets({ brokers, topic: deadLetterTopic })).get(0) ?? 0n;
  return {
    begin: async () => {
      await pipeline.send(30);
      await write([exposure({ exposure_id: undefined }), exposure({ variation_id: undefined })]);
      await pipeline.untilDrained();
      const rows = await database.query<{ exposure_id: string; ds_user_id: string; experiment_id: string }>(
        "SELECT exposure_id, ds_user_id, experiment_id FROM growthbook.experiment_exposures ORDER BY exposure_id LIKE 'rec_%', exposure_id",
      );
      const [plain, derived] = [rows.at(0), rows.at(-1)];
      if (!(plain && derived?.exposure_id.startsWith('rec_'))) throw new Error(`not the rows that were sent: ${JSON.stringify(rows)}`);
      return { exposureId: plain.exposure_id, derivedId: derived.exposure_id, user: plain.ds_user_id, experiment: plain.experiment_id };
    },
    refuse: async () => {
      const source = `bad-${count}`;
      const wanted = (await letters()) + BigInt(REFUSED);
      await database.query(`ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT no_bad CHECK (source <> '${source}')`);
      await write(Array.from({ length: REFUSED }, () => exposure({ source })));
      await eventually('dead letters', async () => (await letters()) >= wanted);
      await pipeline.untilDrained();
      await database.query('ALTER TABLE growthbook.experiment_exposures DROP CONSTRAINT no_bad');
    },
  };
}

function editLetters(path: string): void {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const edited = lines.map((line) => {
    const letter = JSON.parse(line) as { readonly value: string };
    return JSON.stringify({ ...letter, value: { ...JSON.parse(letter.value), variation_id: '1' } });
  });
  writeFileSync(path, `${edited.join('\n')}\n`);
}
