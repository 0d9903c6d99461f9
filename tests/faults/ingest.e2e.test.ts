// Contract (F29): clients that never finish, sockets that say nothing, floods of rubbish and bodies beyond the limit cost
// gbx serve neither its good clients nor its memory, and change nothing.
import { setMaxListeners } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createTraffic } from '../../src/core/traffic/traffic.ts';
import { openPipeline } from '../support/pipeline.ts';
import { expectPosted, postTraffic } from '../support/posting.ts';
import { processLoad } from '../support/process-load.ts';
import { type Serving, startServe } from '../support/serving.ts';
import { eventually, testStack } from '../support/stack.ts';

const IS_LONG = process.env['GBX_FAULTS'] === 'long';
const SLOW_CLIENTS = 200;
const IDLE_SOCKETS = IS_LONG ? 10_000 : 1_000;
const UNDER_ATTACK_MS = IS_LONG ? 60_000 : 10_000;
const RSS_BYTES_MAX = 300_000_000;
const GOOD_GAP_MS_MAX = 2_000;
const HEAD = 'POST /exposure HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n';
const RUBBISH = ['{', '{"ds_user_id":1e999}', `${'['.repeat(50_000)}`, '\u0000', 'x'.repeat(90_000)];

interface Attack {
  /** How many connections of the slow are open still. */
  slowOpen(): number;
  readonly answers: Map<number, number>;
  stop(): Promise<void>;
}

function connectTo({ url }: Serving): Socket {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  // Being thrown out is what is expected.
  return socket.on('error', () => undefined).on('data', () => undefined);
}

/** Heads and bodies that come byte by byte, sockets that say nothing, and posts of rubbish. */
function attack(serve: Serving): Attack {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const idle = Array.from({ length: IDLE_SOCKETS }, () => connectTo(serve));
  const slow = Array.from({ length: SLOW_CLIENTS }, () => connectTo(serve));
  const answers = new Map<number, number>();
  const drip = async (socket: Socket, place: number): Promise<void> => {
    const text = place % 2 === 0 ? HEAD : `${HEAD}{`;
    // Half of them never end their head, half never their body.
    let sent = place % 2 === 0 ? 0 : HEAD.length;
    if (sent > 0) socket.write(HEAD);
    for (; !stopping.signal.aborted && !socket.destroyed; sent++) {
      socket.write(text[sent] ?? ' ');
      await systemClock.sleep(500, stopping.signal); // The pace of a slow client.
    }
  };
  const flood = async (): Promise<void> => {
    for (let i = 0; !stopping.signal.aborted; i++) {
      const status = await serve.post(RUBBISH[i % RUBBISH.length] ?? '').then(
        (response) => response.arrayBuffer().then(() => response.status),
        () => 0,
      );
      answers.set(status, (answers.get(status) ?? 0) + 1);
      await systemClock.sleep(5, stopping.signal); // The pace of the flood.
    }
  };
  const running = [...slow.map(drip), flood(), flood()];
  return {
    slowOpen: () => slow.filter((socket) => !socket.destroyed).length,
    answers,
    stop: async () => {
      stopping.abort();
      for (const socket of [...idle, ...slow]) socket.destroy();
      await Promise.all(running);
    },
  };
}

it(
  'F29 gbx serve answers good clients in time while others drip, idle and flood it',
  async () => {
    await using pipeline = await openPipeline();
    await using serve = await startServe({ brokers: testStack().brokers, topic: pipeline.topic });
    await pipeline.consumer();
    const traffic = createTraffic({ seed: pipeline.topic, startMs: Date.now() - 3_600_000 });
    const posting = postTraffic(serve.url, { traffic, partitions: 3, clients: 2, pauseMs: 50 });
    const attacking = attack(serve);
    try {
      await eventually('some accepted', () => posting.count('ok') > 100);
      const sinceMs = performance.now();
      await systemClock.sleep(UNDER_ATTACK_MS);
      const load = await processLoad(serve.process.pid);
      const gapMs = Math.round(posting.longestGapMs(sinceMs));
      console.log(
        `F29 for ${UNDER_ATTACK_MS} ms: ${JSON.stringify([...attacking.answers])}, longest pause ${gapMs} ms, ${JSON.stringify(load)}, ${attacking.slowOpen()} of the slow left`,
      );
      expect(gapMs).toBeLessThan(GOOD_GAP_MS_MAX);
      expect(load?.rssBytes ?? 0).toBeLessThan(RSS_BYTES_MAX);
      // The flood was answered, and never as if it were an exposure or a fault of ours.
      expect([...attacking.answers.keys()].sort()).toEqual([400]);
      // Those who never finish are thrown out, sooner or later.
      if (IS_LONG) expect(attacking.slowOpen()).toBe(0);
    } finally {
      await attacking.stop();
      await posting.stop();
    }
    expect(await expectPosted(pipeline, posting.books)).toMatchObject({ fail: 0, unknown: 0 });
  },
  UNDER_ATTACK_MS + 90_000,
);
