// Names, ports and certificates, asked for by themselves: what `gbx doctor` looks at before it speaks Kafka or SQL to anybody.
// Nothing but what opens a connection is ever sent.
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import tls from 'node:tls';
import type { CertificateFacts, HostAddress, Network } from '../core/doctor/ports.ts';

/** PostgreSQL, 53.2.10 "SSL Session Encryption": length 8 and the code 80877103; the answer is one byte, `S` or `N`. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export function createNetwork(): Network {
  return {
    resolve: async (host) => (await lookup(bare(host), { all: true })).map(({ address }) => address),
    async dial(address, signal) {
      const socket = await connect(address, signal);
      socket.destroy();
    },
    async handshake(address, { ca, start }, signal) {
      const socket = await connect(address, signal);
      try {
        if (start === 'postgres') await askForTls(socket, signal);
        return await readCertificate(socket, { host: bare(address.host), ca, signal });
      } finally {
        socket.destroy();
      }
    },
  };
}

/** `[::1]` as settings write it is `::1` for sockets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/u, '$1');
}

function connect({ host, port }: HostAddress, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: bare(host), port, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => reject(firstOf(error)));
  });
}

/** Node tries every address of a name and wraps what failed: the message of the whole is empty. */
function firstOf(error: Error): Error {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return inner instanceof Error ? inner : error;
}

function askForTls(socket: net.Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer')), { once: true });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it hung up')));
    socket.once('data', (bytes) => {
      if (bytes[0] === 0x53) resolve();
      else reject(new Error('it does not speak TLS'));
    });
    socket.write(SSL_REQUEST);
  });
}

interface ReadOptions {
  readonly host: string;
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
}

/** Goes through with a certificate that is not trusted, to be able to say whose it is; nothing is sent over it. */
function readCertificate(socket: net.Socket, { host, ca, signal }: ReadOptions): Promise<CertificateFacts> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      ...(net.isIP(host) === 0 ? { servername: host } : { host }),
      ...(ca === undefined ? {} : { ca }),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    signal.addEventListener('abort', () => secured.destroy(new Error('no answer')), { once: true });
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('it hung up during the handshake')));
    secured.once('secureConnect', () => {
      const { subject, valid_to: validTo } = secured.getPeerCertificate();
      const refused = secured.authorized ? undefined : String(secured.authorizationError);
      const name = subject?.CN;
      resolve({ subject: (Array.isArray(name) ? name[0] : name) ?? 'without a name', expiresAtMs: Date.parse(validTo), refused });
      secured.destroy();
    });
  });
}
