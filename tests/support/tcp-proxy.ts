// A TCP proxy on loopback that misbehaves on command: the network's faults, made from outside of the program under test.
import { createServer, type Server, Socket } from 'node:net';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** One connection through the proxy. What is written to a side goes through the proxy's mode (black hole, delay). */
export interface Link {
  readonly number: number;
  toServer(bytes: Buffer): void;
  toClient(bytes: Buffer): void;
  /** Resets both sides: neither gets a goodbye. */
  cut(): void;
}

/** What reads the two streams of a link; the default forwards them as they are. */
export interface LinkReader {
  fromClient(bytes: Buffer): void;
  fromServer(bytes: Buffer): void;
}

export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Number of connections now. */
  links(): number;
  /** Back to normal: takes connections, forwards at once; what a black hole held back goes on. */
  pass(): Promise<void>;
  /** Resets every connection; new ones are taken as before. */
  cut(): void;
  /** Takes no new connections, as if nothing listened. Those that are open stay: see `cut`. */
  refuse(): Promise<void>;
  /** Connections stay open, bytes stay here, both ways; new connections are taken and hear nothing. */
  blackHole(): void;
  /** The connections open now stay open and pass nothing any more, for ever: what comes on them is lost. New ones are as usual. */
  deafenOpen(): void;
  /** Every byte from now on comes later, both ways. */
  delay(ms: number): void;
}

interface OpenTcpProxyOptions {
  readonly target: ProxyTarget;
  readonly read?: (link: Link) => LinkReader;
}

export async function openTcpProxy({ target, read = forward }: OpenTcpProxyOptions): Promise<TcpProxy> {
  const mode = { held: false, delayMs: 0 };
  const pairs = new Set<Pair>();
  let count = 0;
  const accept = (client: Socket): void => {
    const pair = openPair(client, { target, mode, number: ++count, read });
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
  };
  let server = await listen(0, accept);
  const { port } = server.address() as { port: number };
  const pass = async (): Promise<void> => {
    mode.held = false;
    mode.delayMs = 0;
    for (const pair of pairs) pair.flush();
    if (!server.listening) server = await listen(port, accept);
  };
  const cut = (): void => {
    for (const pair of pairs) pair.link.cut();
  };
  const refuse = async (): Promise<void> => {
    // `close` waits for open connections: only its first half is wanted.
    if (server.listening) server.close();
  };
  return {
    host: '127.0.0.1',
    port,
    links: () => pairs.size,
    pass,
    cut,
    refuse,
    blackHole: () => {
      mode.held = true;
    },
    deafenOpen: () => {
      for (const pair of pairs) pair.deafen();
    },
    delay: (ms) => {
      mode.delayMs = ms;
    },
    [Symbol.asyncDispose]: async () => {
      await refuse();
      cut();
    },
  };
}

interface Pair {
  readonly link: Link;
  /** Sends on what a black hole held back. */
  flush(): void;
  deafen(): void;
}

interface PairOptions {
  readonly target: ProxyTarget;
  readonly mode: { readonly held: boolean; readonly delayMs: number };
  readonly number: number;
  readonly read: (link: Link) => LinkReader;
}

function openPair(client: Socket, { target, mode, number, read }: PairOptions): Pair {
  const server = new Socket();
  server.connect(target);
  client.setNoDelay(true);
  server.setNoDelay(true);
  const held: (() => void)[] = [];
  let isDeaf = false;
  const send = (to: Socket, bytes: Buffer): void => {
    const write = (): void => {
      if (!to.destroyed) to.write(bytes);
    };
    if (isDeaf) return;
    if (mode.held) held.push(write);
    // Timers of the same length fire in the order in which they were set.
    else if (mode.delayMs > 0) setTimeout(write, mode.delayMs);
    else write();
  };
  const cut = (): void => {
    client.resetAndDestroy();
    server.resetAndDestroy();
  };
  const link: Link = { number, toServer: (bytes) => send(server, bytes), toClient: (bytes) => send(client, bytes), cut };
  const reader = read(link);
  client.on('data', (bytes) => reader.fromClient(bytes)).on('error', cut);
  server.on('data', (bytes) => reader.fromServer(bytes)).on('error', cut);
  client.on('close', () => server.destroy());
  server.on('close', () => (client.destroyed ? undefined : client.end()));
  return {
    link,
    flush: () => {
      for (const write of held.splice(0)) write();
    },
    deafen: () => {
      isDeaf = true;
    },
  };
}

function forward(link: Link): LinkReader {
  return { fromClient: (bytes) => link.toServer(bytes), fromServer: (bytes) => link.toClient(bytes) };
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
