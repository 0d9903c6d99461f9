// Whom a session takes for whom, over a socket to a server that speaks as little of PostgreSQL's protocol as that needs.
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { WarehouseConnection } from '../../src/warehouse/connection.ts';
import { openSession } from '../../src/warehouse/session.ts';
import { silentLog } from '../support/log.ts';

const REDSHIFT =
  'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.77467';
const POSTGRES = 'PostgreSQL 15.13 (Debian 15.13-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit';

function message(type: string, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const int32 = (value: number): Buffer => Buffer.from([value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);
const LOGGED_IN = message('R', int32(0));
const READY = message('Z', Buffer.from('I'));
/** One column of text. */
const DESCRIPTION = message('T', int16(1), 'version', int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0));

/** Answers `select version()` with the version, anything else with a SET; `asked` is all that it was told. */
async function openServer(version: string) {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let isStarted = false;
    socket.on('data', (bytes: Buffer) => {
      if (!isStarted) socket.write(Buffer.concat([LOGGED_IN, READY]));
      else if (bytes.toString('latin1', 0, 1) === 'Q') {
        const sql = bytes.toString('utf8', 5, bytes.length - 1);
        asked.push(sql);
        const row = message('D', int16(1), int32(version.length), Buffer.from(version));
        const answer = sql === 'select version()' ? [DESCRIPTION, row, message('C', 'SELECT 1')] : [message('C', 'SET')];
        socket.write(Buffer.concat([...answer, READY]));
      } else socket.end();
      isStarted = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function connectionTo(port: number, dialect: WarehouseConnection['dialect']): WarehouseConnection {
  const place = { host: '127.0.0.1', port, database: 'dev', user: 'etl', password: undefined, tls: { kind: 'off' } } as const;
  const limits = { lockTimeoutMs: 5_000, statementTimeoutMs: 60_000, applicationName: 'gbx-tests' };
  return { ...place, ...limits, dialect, log: silentLog(), clock: systemClock, random: Math.random };
}

test.each([
  [REDSHIFT, 'auto', { server: 'redshift', dialect: 'redshift' }],
  [POSTGRES, 'auto', { server: 'postgres', dialect: 'postgres' }],
  [POSTGRES, 'redshift', { server: 'postgres', dialect: 'redshift' }],
] as const)('openSession() of "%s" with the dialect %s finds %j', async (version, dialect, expected) => {
  await using server = await openServer(version);
  await using session = await openSession(connectionTo(server.port, dialect), { doing: 'look' });
  expect({ server: session.server, dialect: session.dialect }).toEqual(expected);
  // Redshift refuses settings that it does not know.
  expect(/lock_timeout|idle_in_transaction|tcp_keepalives|jit/.test(server.asked.join())).toBe(expected.server === 'postgres');
});
