// The contract of rights: where Kafka keeps a topic or a group from the login, `gbx doctor` says which right is missing, and a
// command that needs it says so with exit code 77, as itself and not as something else that it looks like.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuardedBroker, openGuardedBroker } from '../support/guarded-broker.ts';
import { startGbx } from '../support/process.ts';
import { createTopic } from '../support/stack.ts';
import { writeRecords } from '../support/topic-log.ts';

let broker: GuardedBroker;
beforeAll(async () => {
  broker = await openGuardedBroker();
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Names {
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
}

/** A topic with a record, dead letters without, and a group, all of them open to everybody. */
async function makeNames(): Promise<Names> {
  const { brokers } = broker;
  const topic = await createTopic({ brokers, partitions: 1 });
  await writeRecords({ brokers, topic }, [{ partition: 0, key: 'k', value: '{}', timestampMs: Date.now() }]);
  return { topic, deadLetterTopic: await createTopic({ brokers, partitions: 1 }), group: `g-${randomUUID()}` };
}

async function gbx({ topic, deadLetterTopic, group }: Names, args: readonly string[]) {
  const env = {
    KAFKA_BOOTSTRAP_SERVERS: broker.brokers,
    GBX_TOPIC: topic,
    GBX_DEAD_LETTER_TOPIC: deadLetterTopic,
    GBX_CONSUMER_GROUP: group,
  };
  await using child = await startGbx([...args, '--json'], { env });
  const { code } = await child.exit();
  return { code, answer: JSON.parse(child.stdout()) };
}

async function doctor(names: Names) {
  const { code, answer } = await gbx(names, ['doctor', '--only', 'kafka']);
  const found = Object.fromEntries(answer.checks.map((check: { readonly id: string }) => [check.id, check]));
  return { code, found };
}

describe.concurrent('gbx doctor', () => {
  it('says which topic is kept from the login', async () => {
    const names = await makeNames();
    await broker.restrict({ kind: 'TOPIC', name: names.topic, to: [] });
    await broker.restrict({ kind: 'TOPIC', name: names.deadLetterTopic, to: ['READ'] });
    const { code, found } = await doctor(names);
    expect(code).toBe(1);
    expect(found['kafka.topic']).toMatchObject({
      state: 'fail',
      found: `the login may not see ${names.topic}`,
      todo: `grant it Describe of ${names.topic}`,
    });
    expect(found['kafka.dead_letter_topic']?.state).toBe('ok');
    expect(found['kafka.rights']).toMatchObject({ state: 'skipped', found: 'not asked, as kafka.topic failed' });
  });

  it('says what a login that only reads cannot do', async () => {
    const names = await makeNames();
    await broker.restrict({ kind: 'TOPIC', name: names.topic, to: ['READ'] });
    await broker.restrict({ kind: 'GROUP', name: names.group, to: ['DESCRIBE'] });
    const { code, found } = await doctor(names);
    expect(code).toBe(0);
    expect(found['kafka.rights']).toMatchObject({
      state: 'warn',
      found: expect.stringContaining('gbx consume cannot put refused rows back there'),
      todo: expect.stringContaining(`grant Write of ${names.topic}`),
    });
    expect(found['kafka.group_rights']).toMatchObject({
      state: 'warn',
      todo: expect.stringContaining(`grant Read of the group ${names.group}`),
    });
  });

  it('says which group is kept from the login', async () => {
    const names = await makeNames();
    await broker.restrict({ kind: 'GROUP', name: names.group, to: [] });
    const { code, found } = await doctor(names);
    expect(code).toBe(1);
    expect(found['kafka.group']).toMatchObject({ state: 'fail', found: expect.stringContaining('GBX_KAFKA_AUTH') });
    expect(found['kafka.rights']?.state).toBe('ok');
  });

  it('is content where all rights are there', async () => {
    const names = await makeNames();
    await broker.restrict({ kind: 'TOPIC', name: names.topic, to: ['READ', 'WRITE'] });
    await broker.restrict({ kind: 'GROUP', name: names.group, to: ['READ'] });
    const { found } = await doctor(names);
    expect(found['kafka.rights']?.state).toBe('ok');
    expect(found['kafka.group_rights']).toMatchObject({ state: 'ok', found: `group ${names.group}: Read` });
  });
});

describe.concurrent('gbx find exits 77', () => {
  it.each([
    ['may not be seen', 'topic', []],
    ['may be seen and not read', 'topic', ['DESCRIBE']],
    ['of dead letters may not be seen', 'deadLetterTopic', []],
  ] as const)('where a topic %s', async (_, which, to) => {
    const names = await makeNames();
    await broker.restrict({ kind: 'TOPIC', name: names[which], to });
    const { code, answer } = await gbx(names, ['find', randomUUID(), '--since', 'earliest']);
    expect({ code, ...answer }).toMatchObject({
      code: 77,
      error: { code: 'GBX_KAFKA_AUTH', exitCode: 77, message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') },
    });
  });

  it('where the group may not be seen, and without a warehouse only it tells how far the topic is loaded', async () => {
    const names = await makeNames();
    await broker.restrict({ kind: 'GROUP', name: names.group, to: [] });
    const { code, answer } = await gbx(names, ['find', randomUUID()]);
    expect({ code, ...answer }).toMatchObject({ code: 77, error: { message: expect.stringContaining('GROUP_AUTHORIZATION_FAILED') } });
  });
});
