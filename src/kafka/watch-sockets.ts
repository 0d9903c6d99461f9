// Opens kafkajs's sockets and keeps an eye on them: kafkajs never closes one whose request timed out, so a broker that
// fell silent would be asked on the same dead connection until the kernel gives up, some fifteen minutes later.
import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_MS = 10_000;

export type KafkaTls = { readonly kind: 'off' } | { readonly kind: 'on'; readonly ca?: string };

export interface SocketWatch {
  readonly factory: ISocketFactory;
  /** Ends all connections to this broker (`host:port`), with an error: kafkajs does not notice an end without one. */
  destroy(broker: string, reason: string): void;
  /** Ends all connections and opens no more. */
  close(): void;
  /** How the peer that was reached last spoke to plain text; undefined while it was Kafka, or nobody. */
  strangePeer(): StrangePeer | undefined;
}

/** `tls`: answered with an alert of TLS. `http`: with HTTP. `mute`: hung up without a word. */
export type StrangePeer = 'tls' | 'http' | 'mute';

export function createSocketWatch(security: KafkaTls): SocketWatch {
  const open = new Map<net.Socket, string>();
  let closed = false;
  let strange: StrangePeer | undefined;

  function factory({ host, port, onConnect }: Parameters<ISocketFactory>[0]): net.Socket {
    if (closed) throw new Error('this client is closed');
    const socket = connect({ host, port, security, onConnect });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    // kafkajs lets go of a dead socket again and again, which Node takes for a leak of listeners, and says so on stderr.
    socket.setMaxListeners(0);
    open.set(socket, `${host}:${port}`);
    socket.once('data', (bytes) => {
      strange = judge(bytes);
    });
    socket.once('end', () => {
      if (socket.bytesRead === 0) strange = 'mute';
    });
    socket.once('close', () => open.delete(socket));
    return socket;
  }

  function destroyWhere(isMeant: (broker: string) => boolean, reason: string): void {
    for (const [socket, broker] of open) if (isMeant(broker)) socket.destroy(new Error(reason));
  }

  return {
    factory,
    destroy: (broker, reason) => destroyWhere((name) => name === broker, reason),
    close: () => {
      closed = true;
      destroyWhere(() => true, 'this client is closed');
    },
    strangePeer: () => (security.kind === 'off' ? strange : undefined),
  };
}

/** A record of TLS begins with its type (21: alert) and 3 (RFC 8446, 5.1); an answer of Kafka with its length in 4 bytes. */
function judge(bytes: Buffer): StrangePeer | undefined {
  if (bytes[0] === 21 && bytes[1] === 3) return 'tls';
  return bytes.toString('latin1', 0, 5) === 'HTTP/' ? 'http' : undefined;
}

interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly security: KafkaTls;
  readonly onConnect: () => void;
}

function connect({ host, port, security, onConnect }: ConnectOptions): net.Socket {
  if (security.kind === 'off') return net.connect({ host, port }, onConnect);
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  const authority = security.ca === undefined ? {} : { ca: security.ca };
  return tls.connect({ host, port, ...servername, ...authority, minVersion: 'TLSv1.2', rejectUnauthorized: true }, onConnect);
}
