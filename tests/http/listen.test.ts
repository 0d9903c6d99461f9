// Opening fails with a name; closing loses no answer and does not wait for idle connections.
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { SendOutcome } from '../../src/core/accept/ports.ts';
import { eventually } from '../support/eventually.ts';
import { openTestServer } from '../support/http-server.ts';

const EXPOSURE = { ds_user_id: 'u1', experiment_id: 'checkout', variation_id: '1' };

test('openServer() names the address and its setting when it is none of this machine', async () => {
  await expect(openTestServer({ host: '203.0.113.1' })).rejects.toMatchObject({ code: 'GBX_CONFIG', from: 'GBX_HTTP_HOST (default)' });
});

test('openServer() names the port and its setting when it is taken', async () => {
  await using first = await openTestServer();
  await expect(openTestServer({ port: first.server.port })).rejects.toMatchObject({
    code: 'GBX_PORT_IN_USE',
    from: 'GBX_HTTP_PORT (default)',
  });
});

test('url opens from this machine wherever the server listens', async () => {
  await using everywhere = await openTestServer({ host: '0.0.0.0' });
  expect(everywhere.server.url).toBe(`http://127.0.0.1:${everywhere.server.port}`);
  await using named = await openTestServer({ host: 'localhost' });
  expect((await fetch(`${named.server.url}/livez`)).status).toBe(200);
  await using six = await openTestServer({ host: '::1' });
  expect((await fetch(`${six.server.url}/livez`)).status).toBe(200);
});

test('close() answers what is in flight, refuses new connections, and does not wait for idle ones', async () => {
  let release = (_outcome: SendOutcome): void => undefined;
  const held = new Promise<SendOutcome>((resolve) => {
    release = resolve;
  });
  await using api = await openTestServer({
    acceptTimeoutMs: 10_000,
    send: async (records) => {
      const outcome = await held;
      return records.map(() => outcome);
    },
  });
  const agent = new Agent({ keepAlive: true });
  const port = api.server.port;
  await call({ agent, port, method: 'GET', path: '/livez' });
  const inFlight = call({ agent: new Agent({ keepAlive: true }), port, method: 'POST', path: '/exposure', body: JSON.stringify(EXPOSURE) });
  await eventually('the request in flight', () => api.server.requestsInFlight() === 1);

  let isClosed = false;
  const closing = api.server.close().then(() => {
    isClosed = true;
  });
  await eventually('the port closed', () =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      () => false,
      () => true,
    ),
  );
  expect(isClosed).toBe(false);
  release({ kind: 'acked' });
  expect(await inFlight).toEqual({ status: 200, connection: 'close' });
  await closing;
  agent.destroy();
});

test('close() does not wait for connections that never sent a request, nor for one that sent a part of its head', async () => {
  await using api = await openTestServer();
  const sockets = await Promise.all(
    Array.from(
      { length: 2 },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(api.server.port, '127.0.0.1', () => resolve(socket));
          socket.on('error', () => undefined);
        }),
    ),
  );
  sockets[1]?.write('POST /exposure HTT');
  const gone = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  await api.server.close();
  await gone;
}, 5000);

interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
}

interface Call {
  readonly agent: Agent;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

function call({ agent, port, method, path, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, connection: response.headers.connection }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
