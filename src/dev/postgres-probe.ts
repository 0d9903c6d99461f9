// Is PostgreSQL ready? Opens a session up to the point where the server asks for a password: while it starts or recovers
// it refuses before that. By hand, because only src/warehouse may use the client.
import { createConnection } from 'node:net';

const PROTOCOL_3 = 196_608;
const AUTHENTICATION = 'R'.charCodeAt(0);

/** Whether the server on this port takes sessions. Never throws. Source: PostgreSQL manual, "Message Flow", start-up. */
export async function isPostgresReady(port: number, { timeoutMs = 1000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('error', () => finish(false)).once('close', () => finish(false));
    socket.once('connect', () => socket.write(startupMessage()));
    socket.once('data', (chunk) => finish(chunk[0] === AUTHENTICATION));
  });
}

function startupMessage(): Buffer {
  const parameters = Buffer.from('user\0gbx\0database\0postgres\0\0', 'latin1');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + parameters.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, parameters]);
}
