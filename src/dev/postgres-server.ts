// A real PostgreSQL as a child process, made to take Redshift's SQL: for `gbx dev` and for the tests.
// Keeps its data over restarts, takes sessions before `openPostgres` returns, and ends when we do.
import { createHash, randomBytes } from 'node:crypto';
import { access, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GbxError } from '../core/errors.ts';
import type { Progress } from './kafka-jars.ts';
import { type KeptProcess, openKeptProcess, SERVER_ORPHAN_DELAY_SECONDS } from './kept-process.ts';
import { logTail } from './log-tail.ts';
import { assertFormerGone, writePidFile } from './pid-file.ts';
import { preferPort } from './ports.ts';
import { findPostgresBinaries, type PostgresBinaries, ROOTS_PLACE } from './postgres-binaries.ts';
import { isPostgresReady } from './postgres-probe.ts';
import { REDSHIFT_SHIMS } from './redshift-shims.ts';
import { canReach, findServerUser, type ServerUser } from './server-user.ts';
import { untilReady } from './until-ready.ts';

const START_MS_MAX = 60_000;
const ATTEMPTS_MAX = 3;
/** The superuser of every local PostgreSQL. */
const USER = 'gbx';

export interface OpenPostgresOptions {
  /** Made where missing. Where root's stand-in may not enter it, the data goes to /var/lib/gbx and `dataDir` says so. */
  readonly dataDir: string;
  /** A free one is taken where none is given. */
  readonly port?: number;
  /** Where no port is given: this one, unless it is taken. */
  readonly preferredPort?: number;
  /** Of the user `gbx`, fixed when the data is first made; without one, it is made up and kept beside the data. */
  readonly password?: string;
  /** PEM; sessions may then use TLS, and need not. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Settings of postgresql.conf, over ours: `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly progress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface PostgresServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Exists from the start: as on Redshift, `dev`. */
  readonly database: string;
  /** Where the data really is. */
  readonly dataDir: string;
  /** Of the postmaster. */
  readonly pid: number;
  readonly logFile: string;
  readonly exited: KeptProcess['exited'];
  stop(): Promise<void>;
}

interface Place {
  readonly dir: string;
  readonly data: string;
  readonly logFile: string;
  readonly user: ServerUser | undefined;
  readonly binaries: PostgresBinaries;
}

/** @throws {GbxError} GBX_LOCAL_STACK where it cannot be had or does not come up, with the end of its log */
export async function openPostgres(options: OpenPostgresOptions): Promise<PostgresServer> {
  const { progress = () => undefined, signal } = options;
  const user = await findServerUser();
  const dir = await postgresDataDir(options.dataDir, user);
  const place: Place = {
    dir,
    user,
    data: join(dir, 'data'),
    logFile: join(dir, 'postgres.log'),
    binaries: await findPostgresBinaries(user),
  };
  await mkdir(dir, { recursive: true });
  if (user) await chown(dir, user.uid, user.gid);
  await writeFile(place.logFile, '');
  await assertFormerGone(join(dir, 'postgres.pid'), { what: 'PostgreSQL', progress, signal });
  const password = options.password ?? (await keptPassword(dir));
  if (!(await isInitialized(place))) await initialize(place, password);
  if (options.tls) await writeTlsFiles(place, options.tls);
  for (let attempt = 1; ; attempt++) {
    const started = await startServer({ ...options, password }, place);
    if (started.kind === 'ready') return started.server;
    const retry = started.addressInUse && attempt < ATTEMPTS_MAX;
    if (!retry) throw new GbxError('GBX_LOCAL_STACK', `${started.reason}\n${started.tail}`, { hint: `its whole log is ${place.logFile}` });
  }
}

/** Where the data for this folder is kept: the folder itself, unless PostgreSQL must run as a user that may not enter it. */
export async function postgresDataDir(wanted: string, user: ServerUser | undefined): Promise<string> {
  const dir = resolve(wanted);
  if (user === undefined || (await canReach(join(dir, 'data'), user))) return dir;
  return join(ROOTS_PLACE, `data-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`);
}

type Started =
  | { readonly kind: 'ready'; readonly server: PostgresServer }
  | { readonly kind: 'failed'; readonly reason: string; readonly tail: string; readonly addressInUse: boolean };

async function startServer(options: OpenPostgresOptions & { readonly password: string }, place: Place): Promise<Started> {
  const { signal } = options;
  const port = options.port ?? (await preferPort(options.preferredPort ?? 0));
  const server = await openKeptProcess({
    command: place.binaries.postgres,
    args: ['-D', place.data, '-p', String(port), '-h', '127.0.0.1', '-k', '', ...settingArguments(options)],
    cwd: place.dir,
    user: place.user,
    output: { file: place.logFile },
    // Fast shutdown: sessions are ended, the data is whole.
    stopSignal: 'INT',
    orphanDelaySeconds: SERVER_ORPHAN_DELAY_SECONDS,
  });
  await writePidFile(join(place.dir, 'postgres.pid'), server.pid);
  const readiness = await untilReady({
    check: async () => (await isOurs(place, server.pid)) && isPostgresReady(port),
    exited: server.exited,
    timeoutMs: START_MS_MAX,
    signal,
  });
  if (readiness.kind === 'ready') return { kind: 'ready', server: asServer({ server, port, place, password: options.password }) };
  await server.stop();
  signal?.throwIfAborted();
  const tail = await logTail(place.logFile, 15);
  const reason =
    readiness.kind === 'ended'
      ? `PostgreSQL ended while starting (code ${readiness.code ?? 'unknown'})`
      : `PostgreSQL was not ready after ${START_MS_MAX / 1000} s`;
  return { kind: 'failed', reason, tail, addressInUse: /Address already in use/.test(tail) && options.port === undefined };
}

/** Once it has its port and has recovered its data: on that port another server may answer. Source: `pidfile.h` of PostgreSQL. */
async function isOurs({ data }: Place, pid: number): Promise<boolean> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

interface AsServerOptions {
  readonly server: KeptProcess;
  readonly port: number;
  readonly place: Place;
  readonly password: string;
}

function asServer({ server, port, place, password }: AsServerOptions): PostgresServer {
  const stop = async (): Promise<void> => void (await server.stop());
  return {
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    database: 'dev',
    dataDir: place.dir,
    pid: server.pid,
    logFile: place.logFile,
    exited: server.exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function settingArguments({ tls, settings }: OpenPostgresOptions): string[] {
  const all = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    shared_buffers: '64MB',
    max_connections: '200',
    ...(tls ? { ssl: 'on' } : {}),
    ...settings,
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The marker is written last: data that was half made is made anew. */
async function isInitialized({ dir }: Place): Promise<boolean> {
  return access(join(dir, 'initialized')).then(
    () => true,
    () => false,
  );
}

/** Readable by its owner alone. */
async function keptPassword(dir: string): Promise<string> {
  const file = join(dir, 'password');
  const password = randomBytes(18).toString('base64url');
  await writeFile(file, password, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return (await readFile(file, 'utf8')).trim();
}

async function initialize(place: Place, password: string): Promise<void> {
  await rm(place.data, { recursive: true, force: true });
  const passwordFile = join(place.dir, 'password-for-initdb');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (place.user) await chown(passwordFile, place.user.uid, place.user.gid);
  try {
    const auth = ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const form = ['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
    await runToEnd(place, { command: place.binaries.initdb, args: ['-D', place.data, '-U', USER, ...auth, ...form] });
  } finally {
    await rm(passwordFile, { force: true });
  }
  // Into the template, so that every database made later has them.
  await runSingleUser(place, { database: 'template1', sql: REDSHIFT_SHIMS });
  await runSingleUser(place, { database: 'postgres', sql: 'CREATE DATABASE dev;\n' });
  await writeFile(join(place.dir, 'initialized'), '');
}

/** Runs statements without a server, one a line. */
async function runSingleUser(place: Place, { database, sql }: { readonly database: string; readonly sql: string }): Promise<void> {
  const script = join(place.dir, 'single-user.sql');
  await writeFile(script, sql);
  // A shell for the `<`: a kept process reads from /dev/null.
  const command = 'exec "$1" --single -c exit_on_error=on -D "$2" "$3" < "$4"';
  await runToEnd(place, { command: '/bin/sh', args: ['-c', command, 'gbx', place.binaries.postgres, place.data, database, script] });
  await rm(script, { force: true });
}

async function runToEnd(place: Place, { command, args }: { readonly command: string; readonly args: readonly string[] }): Promise<void> {
  const child = await openKeptProcess({ command, args, cwd: place.dir, user: place.user, output: { file: place.logFile } });
  const { code } = await child.exited;
  if (code === 0) return;
  throw new GbxError('GBX_LOCAL_STACK', `Cannot make PostgreSQL's data folder ${place.data}\n${await logTail(place.logFile, 15)}`, {
    hint: `its whole log is ${place.logFile}`,
  });
}

async function writeTlsFiles(place: Place, tls: { readonly key: string; readonly cert: string }): Promise<void> {
  for (const [name, text] of Object.entries({ 'server.key': tls.key, 'server.crt': tls.cert })) {
    const file = join(place.data, name);
    await writeFile(file, text, { mode: 0o600 });
    if (place.user) await chown(file, place.user.uid, place.user.gid);
  }
}
