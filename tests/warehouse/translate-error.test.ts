import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { isServerCause, sqlstateOf, translateError } from '../../src/warehouse/translate-error.ts';

const PLACE = {
  connection: { user: 'etl', host: 'wh.example', port: 5439, database: 'dev', password: 'hunter2', tls: { kind: 'on' } },
  doing: 'load',
} as const;

/** As pg makes it from an ErrorResponse. */
function serverError(code: string, message: string, more: Record<string, string> = {}): Error {
  return Object.assign(new Error(message), { severity: 'ERROR', code, ...more });
}

function socketError(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

describe('translateError()', () => {
  it.each([
    ['08006', 'connection failure', 'GBX_WAREHOUSE_UNREACHABLE', 'transient'],
    ['57P01', 'terminating connection due to administrator command', 'GBX_WAREHOUSE_UNREACHABLE', 'transient'],
    ['57P03', 'the database system is starting up', 'GBX_WAREHOUSE_UNREACHABLE', 'transient'],
    ['25P03', 'terminating connection due to idle-in-transaction timeout', 'GBX_WAREHOUSE_UNREACHABLE', 'transient'],
    ['53100', 'could not extend file: No space left on device', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['53300', 'too many connections', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['57014', 'canceling statement due to statement timeout', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['25006', 'cannot execute INSERT in a read-only transaction', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['XX000', 'Disk Full', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['XX000', 'cluster is in resize mode', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['99999', 'something new', 'GBX_WAREHOUSE_OVERLOADED', 'transient'],
    ['40001', 'could not serialize access', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['40P01', 'deadlock detected', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['55P03', 'canceling statement due to lock timeout', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['23505', 'duplicate key value violates unique constraint "pk"', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['XX000', '1023', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['XX000', 'Serializable isolation violation on table - 100, transactions forming the cycle', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['XX000', 'could not complete because of conflict with concurrent transaction', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['XX000', 'an assertion nobody knows', 'GBX_WAREHOUSE_BUSY', 'contention'],
    ['42P01', 'relation "growthbook.gbx_ledger" does not exist', 'GBX_WAREHOUSE_SCHEMA', 'systemic'],
    ['42703', 'column "x" does not exist', 'GBX_WAREHOUSE_SCHEMA', 'systemic'],
    ['3F000', 'schema "growthbook" does not exist', 'GBX_WAREHOUSE_SCHEMA', 'systemic'],
    ['42501', 'permission denied for table', 'GBX_WAREHOUSE_PERMISSION', 'systemic'],
    ['28P01', 'password authentication failed', 'GBX_WAREHOUSE_AUTH', 'systemic'],
    ['3D000', 'database "dev" does not exist', 'GBX_WAREHOUSE_AUTH', 'systemic'],
    ['22001', 'value too long for type character varying(64)', 'GBX_ROW_REFUSED', 'row'],
    ['22P05', 'unsupported Unicode escape sequence', 'GBX_ROW_REFUSED', 'row'],
    ['23502', 'null value in column', 'GBX_ROW_REFUSED', 'row'],
    ['XX000', 'Invalid JSON: error code 8001', 'GBX_ROW_REFUSED', 'row'],
    ['P0001', 'no such user: somebody', 'GBX_ROW_REFUSED', 'row'],
    ['44000', 'new row violates check option for view "recent"', 'GBX_ROW_REFUSED', 'row'],
    ['42601', 'syntax error at or near', 'GBX_BUG', 'fatal'],
  ] as const)('makes %s "%s" %s, which is %s', (sqlstate, message, code, failure) => {
    const error = translateError(serverError(sqlstate, message), PLACE);
    expect(error).toMatchObject({ code, failure });
    expect(error.message).toContain('cannot load: etl@wh.example:5439/dev');
    expect(sqlstateOf(error)).toBe(sqlstate);
  });

  it.each([
    [socketError('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:5439'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('ECONNRESET'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('ENOTFOUND'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('EAI_AGAIN'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('EHOSTUNREACH'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('ERR_STREAM_PREMATURE_CLOSE'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [new Error('Connection terminated unexpectedly'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [new Error('timeout expired'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [new Error('Client has encountered a connection error and is not queryable'), 'GBX_WAREHOUSE_UNREACHABLE'],
    [Object.assign(new AggregateError([socketError('ECONNREFUSED')], ''), { code: 'ECONNREFUSED' }), 'GBX_WAREHOUSE_UNREACHABLE'],
    [socketError('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'), 'GBX_WAREHOUSE_TLS'],
    [socketError('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'GBX_WAREHOUSE_TLS'],
    [socketError('CERT_HAS_EXPIRED'), 'GBX_WAREHOUSE_TLS'],
    [socketError('ERR_TLS_CERT_ALTNAME_INVALID'), 'GBX_WAREHOUSE_TLS'],
    [new Error('The server does not support SSL connections'), 'GBX_WAREHOUSE_TLS'],
    [new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string'), 'GBX_WAREHOUSE_AUTH'],
    [new TypeError('x is not a function'), 'GBX_BUG'],
    [socketError('ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be of type string'), 'GBX_BUG'],
    ['a string', 'GBX_BUG'],
  ] as const)('makes %s %s', (thrown, code) => {
    const error = translateError(thrown, PLACE);
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/: $/);
  });

  it('keeps values of rows out of message and cause', () => {
    const errors = [
      serverError('22P02', 'invalid input syntax for type json: "{secret"', {
        detail: 'Token "secret" is invalid.',
        where: 'COPY, line 1: "secret"',
      }),
      serverError('22007', 'invalid input syntax for type timestamp: "secret\nsecret"'),
      serverError('23505', 'duplicate key value violates unique constraint "pk"', { detail: 'Key (exposure_id)=(secret) already exists.' }),
      serverError('23514', 'Key (user)=(secret) is wrong'),
      serverError('P0001', 'no such user: secret'),
    ];
    for (const thrown of errors) {
      const error = translateError(thrown, PLACE);
      expect(JSON.stringify([error.message, error.cause, String(error.cause)])).not.toContain('secret');
    }
  });

  it('never prints the password', () => {
    expect(translateError(serverError('28P01', 'password authentication failed for user "etl"'), PLACE).message).not.toContain('hunter2');
  });

  it('counts a timeout as contention where the statement waits for the lock', () => {
    const timeout = serverError('57014', 'canceling statement due to statement timeout');
    expect(translateError(timeout, { ...PLACE, waitsForLock: true })).toMatchObject({ failure: 'contention' });
  });

  it('blames the rows for a key that stands there where the whole table was compared', () => {
    const conflict = serverError('23505', 'duplicate key value violates unique constraint "one_per_user"');
    expect(translateError(conflict, { ...PLACE, comparesWhole: true })).toMatchObject({ code: 'GBX_ROW_REFUSED', failure: 'row' });
  });

  it('asks for TLS where the server takes nothing else', () => {
    const refused = serverError('28000', 'no pg_hba.conf entry for host "10.0.0.1", user "etl", database "dev", no encryption');
    const place = { ...PLACE, connection: { ...PLACE.connection, tls: { kind: 'off' } } } as const;
    expect(translateError(refused, place)).toMatchObject({ code: 'GBX_WAREHOUSE_TLS', hint: expect.stringContaining('GBX_DB_TLS=on') });
    expect(translateError(refused, PLACE)).toMatchObject({ code: 'GBX_WAREHOUSE_AUTH' });
  });

  it('keeps the place in the statement for whoever can show it', () => {
    const { cause } = translateError(serverError('42601', 'syntax error', { position: '17' }), PLACE);
    expect(isServerCause(cause) && cause.position).toBe(17);
  });

  it('returns a GbxError as it is', () => {
    const error = translateError(serverError('42P01', 'x'), PLACE);
    expect(translateError(error, PLACE)).toBe(error);
    expect(Object.keys(ERROR_CODES)).toContain(error.code);
  });
});
