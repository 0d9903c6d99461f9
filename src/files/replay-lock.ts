// One replay at a time on a folder, of all plans or of one: a lock that the kernel ends with its process, and beside it who holds it, to be named to
// whoever comes second. Opened by `gbx replay` around everything that writes to Kafka; asked by status.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { GbxError } from '../core/errors.ts';
import { openSpoolLock, shortPrefix } from './spool-lock.ts';

const RUNNING = 'running.json';
/** Leads to the socket of the one that runs. */
const LOCK = 'lock';

export interface ReplayHolder {
  readonly planId: string;
  readonly since: string;
  readonly host: string;
}

/** @throws {GbxError} GBX_REPLAY_RUNNING naming the first, GBX_CONFIG where the folder cannot be written to */
export async function openReplayLock(
  folder: string,
  { planId, nowMs }: { readonly planId: string; readonly nowMs: number },
): Promise<AsyncDisposable> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = await openSpoolLock({ path: folder, from: 'GBX_REPLAY_DIR' });
    const holder: ReplayHolder = { planId, since: new Date(nowMs).toISOString(), host: hostname() };
    await writeFile(join(folder, RUNNING), JSON.stringify(holder), { mode: 0o600 });
    return lock;
  } catch (error) {
    if (error instanceof GbxError && error.code === 'GBX_SPOOL_IN_USE') throw await running(folder, error);
    const message = error instanceof Error ? error.message.replace('the spool', 'the plans') : String(error);
    throw new GbxError('GBX_CONFIG', message, {
      cause: error,
      hint: 'give a folder that this user may write to, on a local disk: GBX_REPLAY_DIR, or where the plan lies',
    });
  }
}

async function running(folder: string, cause: GbxError): Promise<GbxError> {
  const holder = await readHolder(folder);
  const who = holder === undefined ? folder : `${holder.planId}, since ${holder.since} on ${holder.host}`;
  return new GbxError('GBX_REPLAY_RUNNING', `Cannot replay as another one is running: ${who}`, { cause });
}

/**
 * The one that runs now; undefined where nobody listens, and only there: whatever else keeps one from asking may be a run.
 * @throws {GbxError} GBX_CONFIG that names the lock
 */
export async function findRunning(folder: string): Promise<ReplayHolder | undefined> {
  const failure = await askLock(folder);
  // It refuses nobody whose queue of callers is full.
  if (failure === undefined || failure.code === 'EAGAIN') return await readHolder(folder);
  if (failure.code === 'ECONNREFUSED' || failure.code === 'ENOENT') return undefined;
  const reason = failure.code ?? failure.message;
  throw new GbxError('GBX_CONFIG', `Cannot tell whether a replay is running: ${reason} at ${join(folder, LOCK)}`, {
    cause: failure,
    hint: 'give the folder of plans, as a user who may read and write there: GBX_REPLAY_DIR',
  });
}

/** @returns why nobody answered; undefined where somebody listens */
async function askLock(folder: string): Promise<NodeJS.ErrnoException | undefined> {
  try {
    const { prefix, close } = await shortPrefix(resolve(folder));
    try {
      return await knock(join(prefix, LOCK));
    } finally {
      await close();
    }
  } catch (error) {
    const cause = error instanceof GbxError ? error.cause : error;
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}

function knock(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => done(error));
  });
}

async function readHolder(folder: string): Promise<ReplayHolder | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(folder, RUNNING), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const { planId, since, host } = parsed as Readonly<Record<string, unknown>>;
    return { planId: String(planId), since: String(since), host: String(host) };
  } catch {
    return undefined;
  }
}

export function hostName(): string {
  return hostname();
}
