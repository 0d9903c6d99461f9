// serve's HTTP server on a free loopback port over a sender of the test's own: the port of core/accept, no Kafka.
import { createAcceptor } from '../../src/core/accept/acceptor.ts';
import type { SendOutcome, SendRecords } from '../../src/core/accept/ports.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { OutgoingRecord } from '../../src/core/exposure/exposure.ts';
import { openServer, type Server, type ServerOptions } from '../../src/http/open-server.ts';
import type { ErrorBody, ItemResult, WireExposure } from '../../src/http/wire.ts';
import { createMetrics } from '../../src/telemetry/create-metrics.ts';
import { collectingLog } from './log.ts';

interface TestServerOptions extends Partial<ServerOptions> {
  readonly send?: SendRecords;
  readonly isUp?: () => boolean;
}

export interface TestServer extends AsyncDisposable {
  readonly server: Server;
  readonly sent: OutgoingRecord[];
  readonly log: ReturnType<typeof collectingLog>;
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
}

/** The user's name may ask for an outcome: `user-refused`, `user-unknown`; everyone else is acknowledged. */
function outcomeFor({ key }: OutgoingRecord): SendOutcome {
  if (key === 'user-refused') return { kind: 'refused', reason: 'too large' };
  if (key === 'user-unknown') return { kind: 'unknown', reason: 'no answer' };
  if (key === 'user-not-sent') return { kind: 'not-sent', reason: 'no leader' };
  return { kind: 'acked' };
}

export async function openTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const sent: OutgoingRecord[] = [];
  const log = collectingLog();
  const metrics = createMetrics();
  const acceptTimeoutMs = options.acceptTimeoutMs ?? 300;
  const send: SendRecords = async (records) => {
    sent.push(...records);
    return options.send ? options.send(records) : records.map(outcomeFor);
  };
  const acceptor = createAcceptor({
    send,
    isUp: options.isUp ?? (() => true),
    clock: systemClock,
    random: Math.random,
    metrics,
    log,
    timeoutMs: acceptTimeoutMs,
  });
  const server = await openServer({
    host: '127.0.0.1',
    port: 0,
    setting: { host: 'GBX_HTTP_HOST (default)', port: 'GBX_HTTP_PORT (default)' },
    acceptor,
    reader: undefined,
    apiKeys: [],
    corsOrigins: ['*'],
    bodyBytesMax: 100_000,
    acceptTimeoutMs,
    readiness: () => ({ kafka: { ok: true } }),
    mintId: () => 'minted',
    metrics,
    clock: systemClock,
    log,
    ...options,
  });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    server,
    sent,
    log,
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    get: (path, headers = {}) => fetch(url + path, { headers }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Whatever an answer may hold. */
interface AnyBody {
  readonly status?: string;
  readonly exposure_id?: string;
  readonly error?: ErrorBody['error'];
  readonly results?: readonly ItemResult[];
  readonly exposures?: readonly WireExposure[];
}

export async function bodyOf(response: Response): Promise<AnyBody> {
  return (await response.json()) as AnyBody;
}
