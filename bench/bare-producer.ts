// The yardstick of `gbx produce`, a program of its own: kafkajs sends batches of messages that stand ready, one after the
// other, each acknowledged by all in-sync replicas, and does nothing else.
import type { Message } from 'kafkajs';
import { encodeExposure } from '../src/core/exposure/encode.ts';
import { createTraffic } from '../src/core/traffic/traffic.ts';
import { programInput } from './children.ts';
import { bareKafka } from './topic.ts';

export interface BareProducerInput {
  readonly brokers: string;
  readonly topic: string;
  readonly records: number;
  readonly batch: number;
}

export interface BareProducerResult {
  readonly recordsPerSecond: number;
  readonly cpuSecondsPer100k: number;
}

/** Different batches, sent in turn: all of them at once would say more about the memory of this program. */
const BATCHES = 20;
const WARM_UP_BATCHES = 10;

async function main({ brokers, topic, records, batch }: BareProducerInput): Promise<void> {
  const batches = Array.from({ length: BATCHES }, (_, number) => makeBatch(number * batch, batch));
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const send = async (number: number): Promise<void> => {
    await producer.send({ topic, acks: -1, messages: batches[number % BATCHES] ?? [] });
  };
  for (let number = 0; number < WARM_UP_BATCHES; number++) await send(number);
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const count = Math.ceil(records / batch);
  for (let number = 0; number < count; number++) await send(number);
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await producer.disconnect();
  const result: BareProducerResult = {
    recordsPerSecond: (count * batch) / seconds,
    cpuSecondsPer100k: ((user + system) / 1e6 / (count * batch)) * 100_000,
  };
  console.log(JSON.stringify(result));
}

/** As `gbx produce` writes them: key, value, header, time. */
function makeBatch(from: number, count: number): Message[] {
  const traffic = createTraffic({ seed: 'bench', startMs: Date.now(), source: 'gbx-produce', attributes: { run_id: 'bench' } });
  return Array.from({ length: count }, (_, index) => {
    const exposure = traffic.exposureAt(from + index);
    const timestamp = String(Math.ceil(exposure.tsMicros / 1000));
    return { key: exposure.dsUserId, value: encodeExposure(exposure), headers: { 'gbx-run-id': 'bench' }, timestamp };
  });
}

await main(programInput());
