// Contract: the proxy does each fault to real sockets, and comes back to normal.
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

interface Client {
  readonly socket: Socket;
  received(): string;
  error(): string | undefined;
}

let echo: Server;
let proxy: TcpProxy;
beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  const port = await new Promise<number>((resolve) => {
    echo.listen(0, '127.0.0.1', () => resolve((echo.address() as { port: number }).port));
  });
  proxy = await openTcpProxy({ target: { host: '127.0.0.1', port } });
});
afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  echo.close();
});

function connect(): Client {
  let text = '';
  let code: string | undefined;
  const socket = createConnection(proxy);
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  return { socket, received: () => text, error: () => code };
}

async function echoes(client: Client, text: string): Promise<void> {
  client.socket.write(text);
  await eventually(`echo of ${text}`, () => client.received().endsWith(text));
}

describe('openTcpProxy()', () => {
  it('cut() resets open connections and takes new ones', async () => {
    const client = connect();
    await echoes(client, 'a');
    proxy.cut();
    await eventually('reset', () => client.error() === 'ECONNRESET');
    await echoes(connect(), 'b');
  });

  it('refuse() refuses new connections until pass()', async () => {
    const open = connect();
    await echoes(open, 'a');
    await proxy.refuse();
    const refused = connect();
    await eventually('refused', () => refused.error() === 'ECONNREFUSED');
    await echoes(open, 'still');
    await proxy.pass();
    await echoes(connect(), 'b');
  });

  it('blackHole() holds every byte back until pass()', async () => {
    const client = connect();
    await echoes(client, 'a');
    proxy.blackHole();
    client.socket.write('b');
    const late = connect();
    await eventually('a second connection', () => proxy.links() === 2);
    late.socket.write('c');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([client.received(), late.received()]).toEqual(['a', '']);
    await proxy.pass();
    await eventually('what was held back', () => client.received() === 'ab' && late.received() === 'c');
  });

  it('deafenOpen() silences the connections that are open, and no later ones', async () => {
    const client = connect();
    await echoes(client, 'a');
    proxy.deafenOpen();
    client.socket.write('b');
    await echoes(connect(), 'c');
    expect(client.received()).toBe('a');
  });

  it('delay() makes an answer late by both ways', async () => {
    const client = connect();
    await echoes(client, 'a');
    proxy.delay(60);
    const startMs = performance.now();
    await echoes(client, 'b');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(115);
  });
});
