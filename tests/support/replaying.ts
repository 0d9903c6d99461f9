// `gbx replay` as a child process on a pipeline of a test, and dead letters as gbx consume would have written them, without
// the records that they stand for.
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { deadLetterHeaders } from '../../src/kafka/headers.ts';
import { otherTraffic, type Pipeline } from './pipeline.ts';
import { startGbx } from './process.ts';
import { sendOnce } from './topic-log.ts';

export interface ReplayAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

export async function replay(
  { env }: Pick<Pipeline, 'env'>,
  args: readonly string[],
  { folder, env: more = {} }: { readonly folder: string; readonly env?: Env },
): Promise<ReplayAnswer> {
  await using child = await startGbx(['replay', ...args], { cwd: folder, env: { ...env, ...more } });
  const { code } = await child.exit({ timeoutMs: 55_000 });
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

/** With --json: the document, and the exit code in it. */
export async function replayJson(
  pipeline: Pick<Pipeline, 'env'>,
  args: readonly string[],
  options: { readonly folder: string; readonly env?: Env },
): Promise<{ readonly code: number | null; readonly document: ReturnType<typeof JSON.parse>; readonly stderr: string }> {
  const { code, stdout, stderr } = await replay(pipeline, [...args, '--json'], options);
  return { code, document: stdout === '' ? undefined : JSON.parse(stdout), stderr };
}

interface WrittenLetter {
  readonly key: string;
  readonly value: string;
  readonly exposureId: string;
}

/** Dead letters of `count` valid exposures that the warehouse refused, whose originals have expired long ago. */
export async function writeLetters(
  { brokers, topic, deadLetterTopic }: Pick<Pipeline, 'brokers' | 'topic' | 'deadLetterTopic'>,
  count: number,
): Promise<readonly WrittenLetter[]> {
  const traffic = otherTraffic();
  const nowMs = Date.now();
  const letters: WrittenLetter[] = [];
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'gbx-tests', logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 0 } });
  await producer.connect();
  try {
    for (let from = 0; from < count; from += 500) {
      const messages = Array.from({ length: Math.min(500, count - from) }, (_, index) => {
        const event = traffic.eventAt(from + index);
        const [key, value] = [event.ds_user_id, JSON.stringify(event)];
        letters.push({ key, value, exposureId: event.exposure_id });
        const record = {
          ...{ partition: 0, offset: BigInt(1_000_000 + from + index), timestampMs: nowMs },
          ...{ key: Buffer.from(key), value: Buffer.from(value), headers: {} },
        };
        const why = { record, code: 'GBX_ROW_REFUSED', message: 'value too long', stage: 'load' } as const;
        const headers = deadLetterHeaders(why, { sourceTopic: topic, nowMs }) as Record<string, string>;
        return { key, value, headers, timestamp: String(nowMs), partition: 0 };
      });
      await sendOnce(() => producer.send({ topic: deadLetterTopic, acks: -1, messages }));
    }
  } finally {
    await producer.disconnect();
  }
  return letters;
}
