// Free ports on the loopback interface. A port found free may be taken a moment later: whoever starts a server on it
// must be ready to try again with another.
import { createServer, type Server } from 'node:net';

/** As many different free ports, held until all are found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let i = 0; i < count; i++) servers.push(await listen(0));
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map(close));
  }
}

/** The port itself where nothing listens on it, else a free one; 0 prefers none. */
export async function preferPort(wanted: number): Promise<number> {
  const server = await listen(wanted).catch(() => listen(0));
  const port = portOf(server);
  await close(server);
  return port;
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
