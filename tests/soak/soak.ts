// A soak set up: topic, database, serve, two consumers, clients and the other producer, and who watches them.
import { freePorts } from '../../src/dev/ports.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { type Posting, postTraffic } from '../support/posting.ts';
import { watchProgress } from '../support/progress.ts';
import { startServe } from '../support/serving.ts';
import { openSpoolFixture } from '../support/spooling.ts';
import { openDatabase, type TestDatabase } from '../support/stack.ts';
import { watchArrivals } from './arrivals.ts';
import type { FaultScene } from './faults.ts';
import { createFleet, type Fleet, type Member, openMember } from './fleet.ts';
import { CONSUMERS } from './schedule.ts';
import type { SoakServers } from './servers.ts';
import { createSoakTraffic, type GarbageSender, isRefused, REFUSED_VARIATION, sendGarbage } from './traffic.ts';

const PARTITIONS = 6;
/** About 350 exposures a second. */
const CLIENTS = 6;
const BATCH = 20;
const PAUSE_MS = 300;
const CLIENT_RETRIES = 3;

export interface Soak extends AsyncDisposable {
  readonly scene: FaultScene;
  readonly fleet: Fleet;
  readonly pipeline: Pipeline;
  readonly database: TestDatabase;
  readonly posting: Posting;
  readonly garbage: GarbageSender;
  readonly partitions: readonly number[];
  readonly serveUrl: string;
  readonly accept: Accept;
}

/** What an answer of 2xx waits for. */
export type Accept = 'broker' | 'spool';

interface SoakOptions {
  readonly seed: number;
  readonly accept: Accept;
  readonly withRefused: boolean;
}

export async function openSoak(servers: SoakServers, { seed, accept, withRefused }: SoakOptions): Promise<Soak> {
  const fleet = createFleet();
  const opened: AsyncDisposable[] = [];
  const use = <T extends AsyncDisposable>(one: T): T => {
    opened.unshift(one);
    return one;
  };
  const dispose = async (): Promise<void> => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  };
  try {
    const database = use(await openDatabase({ primaryKey: false, postgres: servers.postgres }));
    if (withRefused) {
      await database.query(
        `ALTER TABLE growthbook.experiment_exposures ADD CONSTRAINT known CHECK (variation_id <> '${REFUSED_VARIATION}')`,
      );
    }
    const pipeline = use(await openPipeline({ brokers: servers.brokers, partitions: PARTITIONS, database }));
    const consumers: Member[] = [];
    const env = { DB_PORT: String(servers.warehouse.port), GBX_BATCH_ROWS_MAX: '16000' };
    for (let i = 0; i < CONSUMERS; i++) consumers.push(use(await openMember(fleet, `consumer ${i}`, () => pipeline.consumer(env))));
    const [port = 0] = await freePorts(1);
    // The same folder for each serve: what one was killed with, the next one sends.
    const spoolEnv = accept === 'spool' ? { GBX_SPOOL_DIR: use(await openSpoolFixture()).dir } : {};
    const serve = use(
      await openMember(fleet, 'serve', async () => {
        const place = {
          brokers: servers.brokers,
          topic: pipeline.topic,
          env: { GBX_HTTP_PORT: String(port), GBX_ACCEPT: accept, ...spoolEnv },
        };
        return (await startServe({ ...place, untilReady: false })).process;
      }),
    );
    const progress = use(watchProgress(pipeline));
    const arrivals = use(await watchArrivals(database, PARTITIONS));
    const traffic = createSoakTraffic({ seed: `soak-${seed}`, withRefused });
    const serveUrl = `http://127.0.0.1:${port}`;
    const posting = postTraffic(serveUrl, {
      traffic,
      partitions: PARTITIONS,
      clients: CLIENTS,
      batch: BATCH,
      pauseMs: PAUSE_MS,
      retries: CLIENT_RETRIES,
      endOf: (event) => (isRefused(event) ? 'letter' : 'row'),
    });
    const garbage = sendGarbage(pipeline, PARTITIONS);
    use({ [Symbol.asyncDispose]: async () => void (await Promise.all([posting.stop(), garbage.stop()])) });
    const scene = { servers, consumers, serve, progress, arrivals, posting };
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    return { scene, fleet, pipeline, database, posting, garbage, partitions, serveUrl, accept, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
