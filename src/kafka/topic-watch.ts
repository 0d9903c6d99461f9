// What the producer knows of its topics without asking: how many partitions, and whether the cluster answers at all.
// Refreshed in the background, at once after a failure, and with backoff until a lost cluster is back.
import type { Clock, Random } from '../core/clock.ts';
import { asGbxError, type GbxError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { backoffMs } from '../core/retry.ts';

interface TopicWatchDeps {
  readonly topicPartitions: (topic: string) => Promise<number | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface TopicWatch {
  /** As last known; asked for where nothing is. Undefined: there is no such topic. @throws {GbxError} where the cluster is down */
  partitionCount(topic: string): Promise<number | undefined>;
  /** Something failed: look again now, in the background. */
  suspect(): void;
  isUp(): boolean;
  /** Looks no more. */
  stop(): void;
}

const REFRESH_MS = 10_000;
const DOWN_BACKOFF = { firstMs: 200, maxMs: 3_000 };

export function createTopicWatch({ topicPartitions, clock, random, log }: TopicWatchDeps): TopicWatch {
  const counts = new Map<string, number | undefined>();
  const stop = new AbortController();
  let down: GbxError | undefined;
  let failures = 0;
  let wake = new AbortController();

  async function look(topic: string): Promise<void> {
    try {
      counts.set(topic, await topicPartitions(topic));
      if (down !== undefined) log.info('kafka.reachable', { afterFailures: failures });
      down = undefined;
      failures = 0;
    } catch (error) {
      if (stop.signal.aborted) return;
      if (down === undefined) log.warn('kafka.unreachable', { message: asGbxError(error).message });
      down = asGbxError(error);
      failures += 1;
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(down === undefined ? REFRESH_MS : backoffMs(failures, DOWN_BACKOFF, random), wake.signal);
      wake = new AbortController();
      for (const topic of counts.keys()) if (!stop.signal.aborted) await look(topic);
    }
  }

  // Ends with stop(); look() takes what it throws.
  void run();
  return {
    partitionCount: async (topic) => {
      // A topic that was missing may be there by now.
      if (down === undefined && counts.get(topic) === undefined) {
        counts.set(topic, undefined);
        await look(topic);
      }
      if (down !== undefined) throw down;
      return counts.get(topic);
    },
    suspect: () => wake.abort(),
    isUp: () => down === undefined,
    stop: () => {
      stop.abort();
      wake.abort();
    },
  };
}
