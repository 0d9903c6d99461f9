import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { patchKafkaJs } from '../../src/kafka/patch-kafkajs.ts';

patchKafkaJs();
const load = createRequire(import.meta.url);
const { withBroker } = load('kafkajs/src/cluster/brokerPool').prototype;
const { createErrorFromCode } = load('kafkajs/src/protocol/error');
const GROUP_AUTHORIZATION_FAILED = 30;
const COORDINATOR_NOT_AVAILABLE = 15;

/** Asks brokers that answer with these codes of errors, 0 for none; in which order nobody knows. */
function ask(codes: readonly number[]): Promise<unknown> {
  const brokers = Object.fromEntries(codes.map((code, nodeId) => [nodeId, code]));
  const pool = { brokers, findBroker: async ({ nodeId }: { readonly nodeId: string }) => brokers[nodeId] };
  return withBroker.call(pool, async ({ broker: code }: { readonly broker: number }) => {
    if (code !== 0) throw createErrorFromCode(code);
    return 'answer';
  });
}

test.each([[[COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED]], [[GROUP_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED]]])(
  'brokers that refuse the login do not look like none that answers: codes %j',
  async (codes) => {
    await expect(ask(codes)).rejects.toMatchObject({ type: 'GROUP_AUTHORIZATION_FAILED' });
  },
);

test('a broker that answers is enough, and brokers that fail otherwise are none', async () => {
  expect(await ask([GROUP_AUTHORIZATION_FAILED, 0])).toBe('answer');
  expect(await ask([COORDINATOR_NOT_AVAILABLE])).toBeNull();
});
