// Ceiling (a), a program of its own: kafkajs reads the topic and parses each value, and nothing else.
import { randomUUID } from 'node:crypto';
import { programInput } from './children.ts';
import { bareKafka, PARTITIONS } from './topic.ts';

export interface CeilingKafkaInput {
  readonly brokers: string;
  readonly topic: string;
  readonly records: number;
}

async function main({ brokers, topic, records }: CeilingKafkaInput): Promise<void> {
  const consumer = bareKafka(brokers).consumer({ groupId: `bench-${randomUUID()}`, maxWaitTimeInMs: 250 });
  let startedMs = 0;
  let read = 0;
  let bytes = 0;
  consumer.on(consumer.events.FETCH_START, () => {
    if (startedMs === 0) startedMs = performance.now();
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seconds = await new Promise<number>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const running = consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: PARTITIONS,
      eachBatch: async ({ batch }) => {
        for (const { value } of batch.messages) {
          const exposure = JSON.parse((value ?? '').toString()) as { readonly exposure_id: string };
          bytes += exposure.exposure_id.length;
          read++;
        }
        if (read >= records) resolve((performance.now() - startedMs) / 1000);
      },
    });
    running.catch(reject);
  });
  await consumer.disconnect();
  console.log(JSON.stringify({ recordsPerSecond: read / seconds, bytes }));
}

await main(programInput());
