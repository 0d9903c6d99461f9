// One connection to the warehouse, made for gbx alone: its own TLS rule, UTC, bounded waits, everything read as text.
// Used for one thing at a time; after an error it is thrown away and a new one made, for pg leaves a failed client unclear.
// Save where the server refused a row: it said so in full, and whoever looks for that row asks again at once.
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client, Query, type QueryArrayConfig, type QueryResult } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { DialectName, WarehouseConnection } from './connection.ts';
import { type ErrorPlace, translateError } from './translate-error.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** From the first packet to a session that is set up. */
const OPEN_MS_MAX = 15_000;
const CLOSE_TIMEOUT_MS = 1_000;
const KEEPALIVE_DELAY_MS = 10_000;
/** How much longer than the server's own limit the client waits before it takes the connection for dead. */
const SILENCE_GRACE_MS = 15_000;

export type Row = Readonly<Record<string, string | null>>;

export interface Answer {
  readonly rows: readonly Row[];
  /** Rows read, or touched by INSERT, UPDATE, DELETE. */
  readonly count: number;
  /** The server's word for what it did, e.g. `COMMIT`. */
  readonly command: string;
}

interface Statement {
  readonly values?: readonly (string | number | null)[];
  /** Replaces the session's own words in an error. */
  readonly doing?: string;
  readonly waitsForLock?: boolean;
  readonly comparesWhole?: boolean;
}

export interface Session extends AsyncDisposable {
  /** What answers there. */
  readonly server: DialectName;
  /** What is spoken with it. */
  readonly dialect: DialectName;
  isOpen(): boolean;
  /** One statement; bind parameters are never written into its text. @throws {GbxError} by the classes of core/errors */
  query(text: string, statement?: Statement): Promise<Answer>;
  /** Several statements without parameters, in one round trip. @throws {GbxError} */
  run(text: string, statement?: Omit<Statement, 'values'>): Promise<void>;
  /**
   * One statement whose rows are handed over as they arrive, values in the order of its columns, and kept nowhere. What
   * `onRow` throws is thrown at the end. @throws {GbxError}
   */
  stream(text: string, statement: Pick<Statement, 'values'>, onRow: (values: readonly (string | null)[]) => void): Promise<void>;
  /** COPY .. FROM STDIN. @returns the rows that the server took. @throws {GbxError} */
  copyIn(text: string, chunks: Iterable<Buffer>): Promise<number>;
}

interface SessionOptions {
  /** What the session is for, in a user's words: "cannot <doing>: ..." */
  readonly doing: string;
  readonly statementTimeoutMs?: number;
  /** PostgreSQL only; Redshift has no such limit. 0: none. */
  readonly idleInTransactionTimeoutMs?: number;
}

/** @throws {GbxError} GBX_WAREHOUSE_UNREACHABLE, _AUTH, _TLS, ... */
export async function openSession(connection: WarehouseConnection, options: SessionOptions): Promise<Session> {
  const place: ErrorPlace = { connection, doing: options.doing };
  const link = createLink(connection);
  // The driver's own limit ends with the login; a server or a pooler that falls silent right after it would never be noticed.
  const opened = new AbortController();
  void connection.clock.sleep(OPEN_MS_MAX, opened.signal).then(() => {
    if (!opened.signal.aborted) link.socket.destroy();
  });
  try {
    await link.client.connect();
    const version = await link.client.query<{ version: string }>('select version()');
    const server = /redshift/i.test(version.rows[0]?.version ?? '') ? 'redshift' : 'postgres';
    await link.client.query(settingsOf(connection, options, server));
    return createSession(connection, {
      link,
      place,
      server,
      statementTimeoutMs: options.statementTimeoutMs ?? connection.statementTimeoutMs,
    });
  } catch (error) {
    await closeLink(connection, link);
    throw translateError(error, place);
  } finally {
    opened.abort();
  }
}

interface Link {
  readonly client: Client;
  readonly socket: Socket;
  lost: boolean;
}

/** A client that takes nothing from PG* variables or files of the user: gbx is configured in one place. */
function createLink({ host, port, database, user, password, tls }: WarehouseConnection): Link {
  const socket = new Socket();
  const client = new Client({
    host,
    port,
    database,
    user,
    // A function: an absent password would be looked for in PGPASSWORD and ~/.pgpass.
    password: () => password ?? '',
    ssl: tls.kind === 'off' ? false : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
    sslnegotiation: 'postgres',
    client_encoding: 'UTF8',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    stream: () => socket,
    // TIMESTAMP would become a Date of the process's own zone without microseconds, SUPER an object, BIGINT depends.
    types: { getTypeParser: () => (value: string) => value },
  });
  // These three have no other way to be kept from PGOPTIONS, PGREPLICATION and PGAPPNAME; Redshift may refuse them at start.
  const parameters = (client as unknown as { connectionParameters: Record<string, unknown> }).connectionParameters;
  Object.assign(parameters, { options: undefined, replication: undefined, application_name: undefined });
  const link: Link = { client, socket, lost: false };
  // Without a listener the loss of an idle connection would end the process.
  client.on('error', () => {
    link.lost = true;
  });
  client.on('end', () => {
    link.lost = true;
  });
  return link;
}

/** Plain integers, for Redshift refuses '30s'; what only PostgreSQL has is sent only there. */
function settingsOf(connection: WarehouseConnection, options: SessionOptions, server: DialectName): string {
  const name = connection.applicationName.replace(/[^\w .:@-]/g, '_').slice(0, 63);
  const settings = [
    `SET timezone TO 'UTC'`,
    `SET application_name TO '${name}'`,
    `SET statement_timeout TO ${options.statementTimeoutMs ?? connection.statementTimeoutMs}`,
  ];
  if (server === 'postgres') {
    settings.push(
      `SET lock_timeout TO ${connection.lockTimeoutMs}`,
      `SET idle_in_transaction_session_timeout TO ${options.idleInTransactionTimeoutMs ?? 30_000}`,
      'SET tcp_keepalives_idle TO 10',
      'SET tcp_keepalives_interval TO 5',
      'SET tcp_keepalives_count TO 3',
      // The cost model sends a flush into the compiler, which takes longer than the flush.
      'SET jit TO off',
    );
  }
  return settings.join('; ');
}

interface SessionParts {
  readonly link: Link;
  readonly place: ErrorPlace;
  readonly server: DialectName;
  readonly statementTimeoutMs: number;
}

function createSession(connection: WarehouseConnection, { link, place, server, statementTimeoutMs }: SessionParts): Session {
  const { client, socket } = link;

  async function within<T>(work: Promise<T>, where: ErrorPlace): Promise<T> {
    const done = new AbortController();
    // A connection whose other end fell silent gives no error for a quarter of an hour; the server's own limits come first.
    const silence = connection.clock.sleep(statementTimeoutMs + SILENCE_GRACE_MS, done.signal).then(() => {
      if (!done.signal.aborted) socket.destroy();
    });
    try {
      return await work;
    } catch (error) {
      const translated = translateError(error, where);
      if (translated.failure !== 'row') link.lost = true;
      throw translated;
    } finally {
      done.abort();
      await silence;
    }
  }

  function placeOf({ doing = place.doing, waitsForLock = false, comparesWhole = false }: Statement): ErrorPlace {
    return { ...place, doing, waitsForLock, comparesWhole };
  }

  return {
    server,
    dialect: connection.dialect === 'auto' ? server : connection.dialect,
    isOpen: () => !link.lost,
    async query(text, statement = {}) {
      const asked = client.query<Record<string, string | null>>({ text, values: [...(statement.values ?? [])] });
      return toAnswer(await within(asked, placeOf(statement)));
    },
    async run(text, statement = {}) {
      await within(client.query(text), placeOf(statement));
    },
    async stream(text, { values = [] }, onRow) {
      const failures: unknown[] = [];
      const rowsRead = new Promise<void>((resolve, reject) => {
        const config: QueryArrayConfig<(string | number | null)[]> = { text, values: [...values], rowMode: 'array' };
        const query = new Query<(string | null)[]>(config);
        query.on('row', (row) => {
          try {
            if (failures.length === 0) onRow(row);
          } catch (error) {
            failures.push(error);
          }
        });
        query.on('end', () => resolve());
        query.on('error', reject);
        client.query(query);
      });
      await within(rowsRead, place);
      if (failures.length > 0) throw failures[0];
    },
    async copyIn(text, chunks) {
      const copy = client.query(copyFrom(text));
      await within(pipeline(Readable.from(chunks), copy), place);
      return copy.rowCount;
    },
    [Symbol.asyncDispose]: () => closeLink(connection, link),
  };
}

function toAnswer(result: QueryResult<Record<string, string | null>>): Answer {
  return { rows: result.rows, count: result.rowCount ?? 0, command: result.command };
}

async function closeLink({ clock }: WarehouseConnection, link: Link): Promise<void> {
  link.lost = true;
  const done = new AbortController();
  const ended = link.client.end().catch(() => undefined);
  await Promise.race([ended, clock.sleep(CLOSE_TIMEOUT_MS, done.signal)]);
  done.abort();
  link.socket.destroy();
}
