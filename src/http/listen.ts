// Opening and closing a port: failures to listen get names, and closing answers what is in flight before it ends.
import type { ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The settings to change when that does not work, e.g. `GBX_HTTP_PORT (default)`. */
  readonly setting: { readonly host: string; readonly port: string };
}

export interface Listening {
  readonly port: number;
  /** With a host that can be opened from this machine, wherever it listens. */
  readonly url: string;
  /** Stops listening and resolves when what is in flight is answered, however long that takes. */
  close(): Promise<void>;
}

/** @throws {GbxError} GBX_PORT_IN_USE, GBX_CONFIG */
export async function listen(app: FastifyInstance, { host, port, setting, clock }: ListenOptions & { clock: Clock }): Promise<Listening> {
  const connections = watchConnections(app);
  try {
    // For `localhost` Fastify would open a second, hidden server on ::1, whose connections nobody closes.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
  } catch (error) {
    throw translate(error, { host, port, setting });
  }
  const address = app.server.address() as AddressInfo;
  return { port: address.port, url: `http://${nameOf(host)}:${address.port}`, close: () => close(app, { connections, clock }) };
}

/** Stops listening and resolves when every request in flight is answered and every connection gone. */
async function close(app: FastifyInstance, { connections, clock }: { connections: Connections; clock: Clock }): Promise<void> {
  const closed = new AbortController();
  const closing = app.close().finally(() => closed.abort());
  // Node closes idle connections once, knows none that never sent a request, and enforces no time limit from here on.
  while (!closed.signal.aborted) {
    for (const [socket, response] of connections) if (response === undefined || response.writableFinished) socket.destroy();
    await clock.sleep(25, closed.signal);
  }
  await closing;
}

/** Each open connection with its last response; undefined before the first request is there. */
type Connections = ReadonlyMap<Socket, ServerResponse | undefined>;

function watchConnections(app: FastifyInstance): Connections {
  const connections = new Map<Socket, ServerResponse | undefined>();
  app.server.on('connection', (socket) => {
    connections.set(socket, undefined);
    socket.once('close', () => connections.delete(socket));
  });
  app.server.on('request', ({ socket }, response) => {
    connections.set(socket, response);
  });
  return connections;
}

function nameOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function translate(error: unknown, { host, port, setting }: ListenOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return new GbxError('GBX_PORT_IN_USE', `port ${port} on ${host} is taken`, { cause: error, from: setting.port });
  if (code === 'EACCES') {
    return new GbxError('GBX_CONFIG', `this user may not open port ${port}: choose one from 1024 up`, { cause: error, from: setting.port });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new GbxError('GBX_CONFIG', `cannot listen on ${host}: it is no address of this machine`, { cause: error, from: setting.host });
  }
  return error;
}
