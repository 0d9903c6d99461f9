// Opening and closing a port: failures to listen get names, and closing answers what is in flight before it ends.
import type { AddressInfo } from 'node:net';
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
}

/** @throws {GbxError} GBX_PORT_IN_USE, GBX_CONFIG */
export async function listen(app: FastifyInstance, { host, port, setting }: ListenOptions): Promise<Listening> {
  try {
    // For `localhost` Fastify would open a second, hidden server on ::1, whose connections nobody closes.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
  } catch (error) {
    throw translate(error, { host, port, setting });
  }
  const address = app.server.address() as AddressInfo;
  return { port: address.port, url: `http://${nameOf(host)}:${address.port}` };
}

/** Stops listening and resolves when every request in flight is answered and every connection gone. */
export async function close(app: FastifyInstance, clock: Clock): Promise<void> {
  const closed = new AbortController();
  const closing = app.close().finally(() => closed.abort());
  // A connection falls idle when its answer is out, and then would stay open for the whole keep-alive time.
  while (!closed.signal.aborted) {
    app.server.closeIdleConnections();
    await clock.sleep(25, closed.signal);
  }
  await closing;
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
