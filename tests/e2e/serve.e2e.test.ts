// The contract of `gbx serve` with a broker that works: an answer of 200 means that the record stands in the topic, under
// the user's key and without a client's headers; whatever else is posted does no harm; a signal ends it without loss.
import { connect } from 'node:net';
import { Partitioners } from 'kafkajs';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startGbx } from '../support/process.ts';
import { isRefused, postSteadily, startServe } from '../support/serving.ts';
import { createTopic, openDatabase, testStack } from '../support/stack.ts';
import { readTopic } from '../support/topic-log.ts';

const EXPOSURE = { ds_user_id: 'u1', experiment_id: 'checkout', variation_id: '1' };

test('gbx serve without brokers ends with 78, on a port that is taken with 69, and names the setting', async () => {
  await using unset = await startGbx(['serve', '--port', '0']);
  expect(await unset.exit()).toMatchObject({ code: 78 });
  expect(unset.stderr()).toContain('KAFKA_BOOTSTRAP_SERVERS');

  const { brokers } = testStack();
  await using first = await startServe({ brokers, topic: await createTopic() });
  const port = new URL(first.url).port;
  await using second = await startGbx(['serve', '--brokers', brokers, '--host', '127.0.0.1', '--port', port]);
  expect(await second.exit()).toMatchObject({ code: 69 });
  expect(second.stderr()).toContain(`port ${port} on 127.0.0.1 is taken`);
  expect(second.stderr()).toContain('GBX_HTTP_PORT (flag --port)');
});

test('gbx serve survives garbage, sends none of it, and goes on', async () => {
  const { brokers } = testStack();
  const topic = await createTopic();
  await using serve = await startServe({ brokers, topic, env: { GBX_BODY_BYTES_MAX: '3000000' } });
  const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
  const ids = '"experiment_id":"x","variation_id":"1"';
  const garbage = [
    '',
    '{"ds_user_id":"u',
    deep,
    `{"ds_user_id":"u",${ids},"attributes":{"a":${deep}}}`,
    `{"ds_user_id":1e999,${ids}}`,
    `{"ds_user_id":12345678901234567890,${ids}}`,
    `{"ds_user_id":"a\\u0000b",${ids}}`,
    `{"ds_user_id":"\\udc00",${ids}}`,
    `{"ds_user_id":{"$gt":""},${ids}}`,
    `{"__proto__":{"ds_user_id":"u"},${ids}}`,
    'x'.repeat(3_000_001),
  ];
  const statuses = [];
  for (const body of garbage) statuses.push((await serve.post(body)).status);
  expect(statuses).toEqual([400, 400, 400, 400, 400, 400, 400, 400, 400, 400, 413]);
  expect((await serve.post(EXPOSURE)).status).toBe(200);
  expect(await readTopic({ brokers, topic })).toHaveLength(1);
  expect(serve.process.stderr()).not.toContain('http.failed');
});

test('an accepted exposure stands in the topic: key, partition, value, time, and no header of the client', async () => {
  const { brokers } = testStack();
  const topic = await createTopic({ partitions: 5 });
  await using serve = await startServe({ brokers, topic });
  const before = Date.now();
  const response = await fetch(`${serve.url}/exposure`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', 'gbx-origin': 'exposures/0/1/2', traceparent: '00-1' },
    body: JSON.stringify({ ...EXPOSURE, ds_user_id: 'Zoë', timestamp: '2026-01-02T03:04:05.123456+02:00', attributes: { plan: 'pro' } }),
  });
  const { exposure_id } = (await response.json()) as { exposure_id: string };
  const [record, ...others] = await readTopic({ brokers, topic });
  expect(others).toEqual([]);
  expect(record).toMatchObject({ partition: javaPartition('Zoë', 5), headers: {} });
  expect(String(record?.key)).toBe('Zoë');
  expect(record?.timestampMs).toBeGreaterThanOrEqual(before);
  expect(JSON.parse(String(record?.value))).toEqual({
    exposure_id,
    ds_user_id: 'Zoë',
    experiment_id: 'checkout',
    variation_id: '1',
    timestamp: '2026-01-02T01:04:05.123456Z',
    attributes: { plan: 'pro' },
    source: 'http',
  });
});

test('a batch is taken item by item', async () => {
  const { brokers } = testStack();
  const topic = await createTopic();
  await using serve = await startServe({ brokers, topic });
  const good = Array.from({ length: 999 }, (_, i) => ({ ...EXPOSURE, ds_user_id: `u${i}`, exposure_id: `e${i}` }));
  const response = await serve.post({ exposures: [...good, { ds_user_id: 'bad' }] }, '/exposures');
  expect(response.status).toBe(207);
  expect(await response.json()).toMatchObject({ accepted: 999, rejected: 1 });
  const ids = (await readTopic({ brokers, topic })).map(({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id);
  expect(ids.sort()).toEqual(good.map(({ exposure_id }) => exposure_id).sort());
});

test('a record beyond what the topic takes is refused with 413, and its neighbours are accepted', async () => {
  const { brokers } = testStack();
  const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '2000' } });
  await using serve = await startServe({ brokers, topic });
  const large = { ...EXPOSURE, exposure_id: 'large', attributes: { text: 'x'.repeat(5000) } };
  const response = await serve.post([{ ...EXPOSURE, exposure_id: 'a' }, large, { ...EXPOSURE, exposure_id: 'b' }], '/exposures');
  const { results } = (await response.json()) as { results: { status: string }[] };
  expect(results.map(({ status }) => status)).toEqual(['accepted', 'too_large', 'accepted']);
  expect((await serve.post(large)).status).toBe(413);
});

test('SIGTERM under load: not ready at once, all that is posted until the drain delay ends is taken, and it ends with 0', async () => {
  const { brokers } = testStack();
  const topic = await createTopic();
  await using serve = await startServe({ brokers, topic, env: { GBX_DRAIN_DELAY_SECONDS: '3' } });
  const posting = postSteadily(serve, { clients: 40, prefix: 'load' });
  await eventually('500 exposures accepted', () => posting.accepted.size > 500, { timeoutMs: 20_000 });
  serve.process.signal('SIGTERM');
  await serve.process.line('"serve.draining"');
  const ready = await serve.readyz();
  expect([ready.status, JSON.parse(ready.text)]).toMatchObject([
    503,
    { checks: { kafka: { ok: true }, running: { ok: false, message: 'shutting down' } } },
  ]);
  const before = posting.accepted.size;
  await eventually('100 more accepted', () => posting.accepted.size > before + 100);
  // As a load balancer does that has seen it: so that nothing may fail, and no connection break.
  await posting.stop();
  expect([...posting.refused]).toEqual([]);
  expect(await serve.process.exit({ timeoutMs: 10_000 })).toEqual({ code: 0, signal: null });
  const stored = new Set(
    (await readTopic({ brokers, topic })).map(({ value }) => (JSON.parse(String(value)) as { exposure_id: string }).exposure_id),
  );
  expect([...posting.accepted].filter((id) => !stored.has(id))).toEqual([]);
});

test('SIGTERM closes the port at once without a drain delay, and answers every request that is on its way in', async () => {
  const { brokers } = testStack();
  const topic = await createTopic();
  await using serve = await startServe({ brokers, topic });
  const port = Number(new URL(serve.url).port);
  const requests = await Promise.all(Array.from({ length: 20 }, (_, i) => beginPost(port, { ...EXPOSURE, exposure_id: `begun-${i}` })));
  serve.process.signal('SIGTERM');
  await eventually('the port closed', () =>
    fetch(`${serve.url}/livez`).then(
      () => false,
      (error: unknown) => isRefused(error),
    ),
  );
  const answers = await Promise.all(requests.map(({ finish }) => finish()));
  expect(answers).toEqual(answers.map(() => 'HTTP/1.1 200 OK'));
  expect(await serve.process.exit({ timeoutMs: 10_000 })).toEqual({ code: 0, signal: null });
  expect(await readTopic({ brokers, topic })).toHaveLength(20);
});

test('SIGTERM does not wait for connections that are only kept open', async () => {
  const { brokers } = testStack();
  await using serve = await startServe({ brokers, topic: await createTopic() });
  const sockets = Array.from({ length: 5 }, () => connect(Number(new URL(serve.url).port), '127.0.0.1'));
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
  }
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  serve.process.signal('SIGTERM');
  expect(await serve.process.exit({ timeoutMs: 5_000 })).toMatchObject({ code: 0 });
  expect(serve.process.stderr()).toContain('"serve.stopped"');
});

test('SIGTERM ends with 1 and says what was cut off when a request does not end in time', async () => {
  const { brokers } = testStack();
  await using serve = await startServe({ brokers, topic: await createTopic(), env: { GBX_DRAIN_TIMEOUT_SECONDS: '1' } });
  const socket = connect(Number(new URL(serve.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    'POST /exposure HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n',
  );
  await new Promise((resolve) => socket.once('data', resolve));
  serve.process.signal('SIGTERM');
  expect(await serve.process.exit({ timeoutMs: 8_000 })).toMatchObject({ code: 1 });
  const cutOff = serve.process
    .stderr()
    .split('\n')
    .find((line) => line.includes('"serve.drain_cut_off"'));
  expect(JSON.parse(cutOff ?? '{}')).toMatchObject({ level: 'error', requestsInFlight: 1 });
});

test('reading needs a key off loopback, and gives what stands in the warehouse, newest first', async () => {
  const { brokers } = testStack();
  await using database = await openDatabase();
  for (const [id, hour] of [
    ['old', 1],
    ['new', 2],
  ] as const) {
    await database.query(
      `INSERT INTO growthbook.experiment_exposures (exposure_id, ds_user_id, experiment_id, variation_id, ts, attributes, source, created_at)
       VALUES ($1, 'u/1', 'checkout', '1', now() - interval '3 hours' + $2 * interval '1 hour', '{"plan":"pro"}', 'http', now())`,
      [id, hour],
    );
  }
  const { host, port, user, password } = database.connection;
  const env = {
    DB_HOST: host,
    DB_PORT: String(port),
    DB_NAME: database.name,
    DB_USER: user,
    DB_PASSWORD: password ?? '',
    GBX_HTTP_HOST: '0.0.0.0',
    GBX_API_KEYS: 'key-one,key-two',
  };
  await using serve = await startServe({ brokers, topic: await createTopic(), env });
  expect((await fetch(`${serve.url}/exposures/u%2F1`)).status).toBe(401);
  for (const path of ['/exposures/u%2F1', '/exposures/experiment/checkout']) {
    const response = await fetch(serve.url + path, { headers: { authorization: 'Bearer key-two' } });
    const { exposures } = (await response.json()) as { exposures: { exposure_id: string; attributes: unknown }[] };
    expect([response.status, exposures.map(({ exposure_id }) => exposure_id)]).toEqual([200, ['new', 'old']]);
    expect(exposures[0]?.attributes).toEqual({ plan: 'pro' });
  }
  expect(serve.process.stderr()).not.toMatch(/key-one|key-two/u);
});

/** A request whose head serve has, and whose body comes with finish(). @returns the first line of the answer, or what broke */
async function beginPost(port: number, body: unknown): Promise<{ finish(): Promise<string> }> {
  const text = JSON.stringify(body);
  const socket = connect(port, '127.0.0.1');
  let received = '';
  const ended = new Promise<string>((resolve) => {
    socket.on('error', (error) => resolve(String(error)));
    socket.on('close', () => resolve(received.split('\r\n', 1)[0] ?? ''));
  });
  socket.write(
    `POST /exposure HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\nexpect: 100-continue\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  socket.on('data', (chunk) => {
    received += String(chunk);
  });
  return {
    finish: () => {
      socket.write(text);
      return ended;
    },
  };
}

/** Where the partitioner of Kafka's own clients puts the key. */
function javaPartition(key: string, count: number): number {
  const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  return Partitioners.DefaultPartitioner()({ topic: 't', partitionMetadata, message: { key, value: null } });
}
