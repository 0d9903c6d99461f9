// What the driver throws, as a GbxError: the only place that knows SQLSTATEs and socket errors. Messages name host, port,
// database and user, never a password and never a value of a row: the server quotes those in the classes 22 and 23.
import { type ErrorCode, GbxError } from '../core/errors.ts';
import { describeConnection, type WarehouseConnection } from './connection.ts';

export interface ErrorPlace {
  readonly connection: Pick<WarehouseConnection, 'user' | 'host' | 'port' | 'database' | 'password' | 'tls'>;
  /** What was being done, in the words of a user: "load a batch". */
  readonly doing: string;
  /** The statement waits for the lock of the ledger: its timeout is contention, not strain. */
  readonly waitsForLock?: boolean;
  /** The rows were compared with the whole table: no copy of them stands there, so a key that does is another one's. */
  readonly comparesWhole?: boolean;
}

/** The server's own words behind a GbxError, as its cause; without the detail, which quotes rows. */
export interface ServerCause extends Error {
  readonly sqlstate: string;
  /** Character of the statement, from 1, where the server knows it. */
  readonly position: number | undefined;
  readonly serverHint: string | undefined;
}

export function isServerCause(value: unknown): value is ServerCause {
  return value instanceof Error && 'sqlstate' in value;
}

/** SQLSTATE of the failure behind a GbxError; undefined when the server said nothing. */
export function sqlstateOf(error: unknown): string | undefined {
  return error instanceof GbxError && isServerCause(error.cause) ? error.cause.sqlstate : undefined;
}

export const UNIQUE_VIOLATION = '23505';

// Longest prefix wins. Sources: PostgreSQL "Appendix A. Error Codes"; what Redshift reports as XX000 is told apart by text.
const BY_SQLSTATE: Readonly<Record<string, ErrorCode>> = {
  '08': 'GBX_WAREHOUSE_UNREACHABLE',
  '0A': 'GBX_WAREHOUSE_SCHEMA',
  '22': 'GBX_ROW_REFUSED',
  '23': 'GBX_ROW_REFUSED',
  // The key is enforced and the id stands there: another writer was first, or the id lies outside the horizon.
  '23505': 'GBX_WAREHOUSE_BUSY',
  '25006': 'GBX_WAREHOUSE_OVERLOADED',
  '25P03': 'GBX_WAREHOUSE_UNREACHABLE',
  '28': 'GBX_WAREHOUSE_AUTH',
  '3D': 'GBX_WAREHOUSE_AUTH',
  '3F': 'GBX_WAREHOUSE_SCHEMA',
  '40': 'GBX_WAREHOUSE_BUSY',
  '42': 'GBX_WAREHOUSE_SCHEMA',
  '42501': 'GBX_WAREHOUSE_PERMISSION',
  '42601': 'GBX_BUG',
  '42P02': 'GBX_BUG',
  '42P18': 'GBX_BUG',
  '44': 'GBX_ROW_REFUSED',
  '53': 'GBX_WAREHOUSE_OVERLOADED',
  '54': 'GBX_ROW_REFUSED',
  '55P03': 'GBX_WAREHOUSE_BUSY',
  '57014': 'GBX_WAREHOUSE_OVERLOADED',
  '57P': 'GBX_WAREHOUSE_UNREACHABLE',
  '58': 'GBX_WAREHOUSE_OVERLOADED',
  // RAISE and ASSERT of a trigger: gbx calls no procedure.
  P0: 'GBX_ROW_REFUSED',
};

const TLS_CODES = /^(CERT_|SELF_SIGNED_|UNABLE_TO_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|HOSTNAME_MISMATCH$)/;
// Named one by one: any other, as ERR_INVALID_ARG_TYPE, is a bug, which would be waited for in vain.
const SOCKET_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTCONN', 'EACCES', 'EPERM'],
  ...['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', 'ENOBUFS', 'EMFILE', 'ENFILE'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME', 'EAI_MEMORY', 'EAI_SYSTEM'],
  // What Node says where a socket was lost under a COPY.
  ...['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_SOCKET_CLOSED'],
  ...['ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'ERR_SOCKET_CONNECTION_TIMEOUT'],
]);
// What pg throws without a code when the connection is or gets lost.
const LOST =
  /^(Connection terminated|timeout expired|Query read timeout|Client (has encountered|was closed)|read E|write E|Cannot call write after a stream was destroyed)/;

/** @returns the error itself when it is a GbxError, GBX_BUG for what is neither the server's nor the network's. */
export function translateError(error: unknown, place: ErrorPlace): GbxError {
  if (error instanceof GbxError) return error;
  const { code, message } = readError(error);
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && isFromServer(error)) return translateServerError(error, place);
  if ((code !== undefined && TLS_CODES.test(code)) || /SSL connection/.test(message)) return translateTlsError(error, place);
  if (/^SASL: .*password must be/.test(message)) {
    return new GbxError(
      'GBX_WAREHOUSE_AUTH',
      `cannot ${place.doing}: ${describeConnection(place.connection)} asks for a password and none is set`,
      { cause: error },
    );
  }
  if ((code !== undefined && SOCKET_CODES.has(code)) || LOST.test(message)) {
    const why = code === 'ENOTFOUND' ? 'no host of this name' : message;
    return new GbxError('GBX_WAREHOUSE_UNREACHABLE', `cannot ${place.doing}: ${describeConnection(place.connection)}: ${why}`, {
      cause: error,
    });
  }
  return new GbxError('GBX_BUG', `cannot ${place.doing}: ${message}`, { cause: error });
}

/** Whether a failed COMMIT surely rolled back: the server itself says so. Anything else leaves it open. */
export function isSureRollback(error: GbxError): boolean {
  return error.code === 'GBX_WAREHOUSE_BUSY' || error.code === 'GBX_ROW_REFUSED';
}

function readError(error: unknown): { readonly code: string | undefined; readonly message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  // Node tries every address of a name and wraps what failed: the message of the whole is empty.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return { code, message: error.message || (first instanceof Error ? first.message : '') || code || error.name };
}

interface ServerError extends Error {
  readonly code: string;
  readonly position?: string;
  readonly hint?: string;
}

function isFromServer(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error;
}

function translateServerError(error: unknown, place: ErrorPlace): GbxError {
  if (!isFromServer(error)) throw new TypeError('not an error of the server', { cause: error });
  const code = codeOf(error, place);
  const words = withoutValues(error);
  const cause: ServerCause = Object.assign(new Error(words), {
    sqlstate: error.code,
    position: error.position === undefined ? undefined : Number(error.position),
    serverHint: error.hint,
  });
  const hint = hintFor(error, place);
  return new GbxError(code, `cannot ${place.doing}: ${describeConnection(place.connection)}: ${words} (${error.code})`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

function codeOf(error: ServerError, place: ErrorPlace): ErrorCode {
  if (error.code === 'XX000') return codeOfInternal(error.message);
  if (error.code === '57014' && place.waitsForLock === true) return 'GBX_WAREHOUSE_BUSY';
  if (error.code === UNIQUE_VIOLATION && place.comparesWhole === true) return 'GBX_ROW_REFUSED';
  if (error.code === '28000' && wantsTls(error, place)) return 'GBX_WAREHOUSE_TLS';
  for (const length of [5, 3, 2]) {
    const code = BY_SQLSTATE[error.code.slice(0, length)];
    if (code !== undefined) return code;
  }
  return 'GBX_WAREHOUSE_OVERLOADED';
}

/** Redshift reports much as XX000 and says what it is in the text. What is unknown counts as contention: it holds no row to blame. */
function codeOfInternal(message: string): ErrorCode {
  if (/\b1023\b|serializable isolation|conflict with concurrent/i.test(message)) return 'GBX_WAREHOUSE_BUSY';
  if (/disk full|resize|out of memory/i.test(message)) return 'GBX_WAREHOUSE_OVERLOADED';
  if (/json|\b8001\b/i.test(message)) return 'GBX_ROW_REFUSED';
  return 'GBX_WAREHOUSE_BUSY';
}

function wantsTls(error: ServerError, place: ErrorPlace): boolean {
  return place.connection.tls.kind === 'off' && /no encryption|SSL off/.test(error.message);
}

function hintFor(error: ServerError, place: ErrorPlace): string | undefined {
  if (error.code === '57014') return 'raise GBX_STATEMENT_TIMEOUT_SECONDS, or lower GBX_BATCH_ROWS_MAX';
  if (error.code === '28000' && wantsTls(error, place)) return 'this server takes TLS only: set GBX_DB_TLS=on';
  return undefined;
}

/** The server's sentence; in the classes that speak of data, without what it quotes. */
function withoutValues(error: ServerError): string {
  // Whoever wrote the trigger chose the words, values among them.
  if (error.code.startsWith('P0')) return 'a trigger raised an exception';
  if (!/^(22|23)/.test(error.code)) return error.message;
  return error.message.replace(/: ".*$/s, '').replace(/\((?:[^()]*)\)=\(.*\)/gs, '(...)');
}

function translateTlsError(error: unknown, place: ErrorPlace): GbxError {
  const { code, message } = readError(error);
  const where = describeConnection(place.connection);
  if (/does not support SSL/.test(message)) {
    return new GbxError('GBX_WAREHOUSE_TLS', `cannot ${place.doing}: ${where} does not speak TLS`, {
      cause: error,
      hint: 'switch TLS on at the server, or set GBX_DB_TLS=off where the network may be trusted',
    });
  }
  const why = /ALTNAME|HOSTNAME/.test(code ?? '') ? 'its certificate is for another host' : 'its certificate is not trusted';
  return new GbxError('GBX_WAREHOUSE_TLS', `cannot ${place.doing}: ${where}: ${why} (${code ?? 'TLS'}: ${message})`, { cause: error });
}
