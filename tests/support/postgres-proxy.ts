// A proxy that understands PostgreSQL's protocol, so that a test can act ON a statement: kill a process just before the
// n-th one arrives, cut the connection instead of forwarding it, or let the server do it and lose the answer.
// Sessions with TLS go through unread: point it at sessions without.
import { type Link, type LinkReader, openTcpProxy, type ProxyTarget, type TcpProxy } from './tcp-proxy.ts';

/** A message from the client after the session has started. */
export interface FrontendMessage {
  /** Number of the connection, from 1. */
  readonly session: number;
  readonly type: 'Query' | 'Parse' | 'Bind' | 'Execute' | 'Sync' | 'CopyData' | 'CopyDone' | 'CopyFail' | 'Terminate' | 'other';
  /** The SQL of a Query or Parse, and of the statement that an Execute runs; undefined for the rest. */
  readonly sql: string | undefined;
  /** For messages that run SQL (Query and Execute): which one of this session, and of the whole proxy, from 1. */
  readonly statement: { readonly inSession: number; readonly inAll: number } | undefined;
}

/**
 * What becomes of the message. `cut`: both sides are reset, the server never sees it. `lose-answer`: the server gets it and
 * does it; when it has answered, both sides are reset and the client has seen nothing of the answer.
 */
export type MessageFate = 'forward' | 'cut' | 'lose-answer';

/** Asked for each message, in order; the next one waits until the answer is there. */
export type OnMessage = (message: FrontendMessage) => MessageFate | Promise<MessageFate>;

interface OpenPostgresProxyOptions {
  readonly target: ProxyTarget;
  readonly onMessage: OnMessage;
}

export function openPostgresProxy({ target, onMessage }: OpenPostgresProxyOptions): Promise<TcpProxy> {
  const counter = { statements: 0 };
  return openTcpProxy({ target, read: (link) => readSession(link, { onMessage, counter }) });
}

interface StatementMatch {
  /** Matches the text of a Query, or of the statement of an Execute. */
  readonly sql?: RegExp;
  /** Which of the matching ones, from 1. @default 1 */
  readonly nth?: number;
}

/** Acts once, on the n-th statement that matches; all else is forwarded. `done` resolves when it has acted. */
export function onStatement(
  { sql, nth = 1 }: StatementMatch,
  act: (message: FrontendMessage) => MessageFate | Promise<MessageFate>,
): { readonly onMessage: OnMessage; readonly done: Promise<void> } {
  let seen = 0;
  let resolve: () => void;
  const done = new Promise<void>((resolveDone) => {
    resolve = resolveDone;
  });
  const onMessage: OnMessage = async (message) => {
    const matches = message.statement !== undefined && (sql === undefined || sql.test(message.sql ?? ''));
    if (!matches || ++seen !== nth) return 'forward';
    const fate = await act(message);
    resolve();
    return fate;
  };
  return { onMessage, done };
}

const STARTUP_PROTOCOL = 196_608;
const TYPES: Readonly<Record<string, FrontendMessage['type']>> = {
  Q: 'Query',
  P: 'Parse',
  B: 'Bind',
  E: 'Execute',
  S: 'Sync',
  d: 'CopyData',
  c: 'CopyDone',
  f: 'CopyFail',
  X: 'Terminate',
};
const READY_FOR_QUERY = 'Z';

interface SessionOptions {
  readonly onMessage: OnMessage;
  readonly counter: { statements: number };
}

function readSession(link: Link, { onMessage, counter }: SessionOptions): LinkReader {
  let state: 'starting' | 'running' | 'unread' | 'losing' = 'starting';
  const statements = createStatements();
  const client = createFramer();
  const server = createFramer();
  let inSession = 0;
  let queue = Promise.resolve();

  const handle = async (bytes: Buffer): Promise<void> => {
    const { type, sql } = statements.read(bytes);
    const runs = type === 'Query' || type === 'Execute';
    if (runs) inSession++;
    const statement = runs ? { inSession, inAll: ++counter.statements } : undefined;
    // After a statement whose answer will be lost, the rest (Sync) goes on: the server answers only then.
    const fate = state === 'losing' ? 'forward' : await onMessage({ session: link.number, type, sql, statement });
    if (fate === 'cut') return link.cut();
    if (fate === 'lose-answer') state = 'losing';
    link.toServer(bytes);
  };

  return {
    fromClient: (bytes) => {
      if (state === 'unread') return link.toServer(bytes);
      client.push(bytes);
      if (state === 'starting') {
        const startup = client.next({ typed: false });
        if (!startup) return;
        state = startup.readInt32BE(4) === STARTUP_PROTOCOL ? 'running' : 'unread';
        link.toServer(startup);
      }
      for (let message = client.next(); message; message = client.next()) {
        const whole = message;
        queue = queue.then(() => handle(whole)).catch(() => link.cut());
      }
    },
    fromServer: (bytes) => {
      if (state === 'starting' || state === 'unread') return link.toClient(bytes);
      server.push(bytes);
      for (let message = server.next(); message; message = server.next()) {
        if (state !== 'losing') link.toClient(message);
        else if (letter(message) === READY_FOR_QUERY) return link.cut();
      }
    },
  };
}

interface Framer {
  push(bytes: Buffer): void;
  /** The next whole message. All have a type byte but the first one of a client. @default typed: true */
  next(options?: { readonly typed: boolean }): Buffer | undefined;
}

function createFramer(): Framer {
  let buffered: Buffer = Buffer.alloc(0);
  return {
    push: (bytes) => {
      buffered = buffered.length === 0 ? bytes : Buffer.concat([buffered, bytes]);
    },
    next: ({ typed } = { typed: true }) => {
      const head = typed ? 1 : 0;
      if (buffered.length < head + 4) return undefined;
      const length = head + buffered.readInt32BE(head);
      if (buffered.length < length) return undefined;
      const message = buffered.subarray(0, length);
      buffered = buffered.subarray(length);
      return message;
    },
  };
}

interface Statements {
  read(message: Buffer): { readonly type: FrontendMessage['type']; readonly sql: string | undefined };
}

/** Follows which SQL stands behind a named statement and a portal (extended protocol). */
function createStatements(): Statements {
  const byName = new Map<string, string>();
  const byPortal = new Map<string, string>();
  return {
    read: (message) => {
      const type = TYPES[letter(message)] ?? 'other';
      const [first, second] = type === 'CopyData' ? ['', ''] : strings(message);
      if (type === 'Query') return { type, sql: first };
      if (type === 'Parse') byName.set(first, second);
      if (type === 'Parse') return { type, sql: second };
      if (type === 'Bind') byPortal.set(first, byName.get(second) ?? '');
      return { type, sql: type === 'Execute' ? byPortal.get(first) : undefined };
    },
  };
}

function letter(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}

/** The first two zero-terminated strings after type and length. */
function strings(message: Buffer): [string, string] {
  const firstEnd = message.indexOf(0, 5);
  if (firstEnd < 0) return ['', ''];
  const secondEnd = message.indexOf(0, firstEnd + 1);
  return [message.toString('utf8', 5, firstEnd), secondEnd < 0 ? '' : message.toString('utf8', firstEnd + 1, secondEnd)];
}
