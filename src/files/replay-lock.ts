// One replay at a time on a folder: a lock that the kernel ends with its process, and beside it who holds it, to be named to
// whoever comes second. Opened by `gbx replay` around everything that writes to Kafka; asked by status.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { GbxError } from '../core/errors.ts';
import { openSpoolLock } from './spool-lock.ts';

const RUNNING = 'running.json';

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
      hint: 'give a folder that this user may write to, on a local disk: GBX_REPLAY_DIR',
    });
  }
}

async function running(folder: string, cause: GbxError): Promise<GbxError> {
  const holder = await readHolder(folder);
  const who = holder === undefined ? folder : `${holder.planId}, since ${holder.since} on ${holder.host}`;
  return new GbxError('GBX_REPLAY_RUNNING', `Cannot replay as another one is running: ${who}`, { cause });
}

/** The one that runs now; undefined where none does. */
export async function findRunning(folder: string): Promise<ReplayHolder | undefined> {
  const isHeld = await new Promise<boolean>((done) => {
    const socket = connect(join(folder, 'lock'));
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
  return isHeld ? await readHolder(folder) : undefined;
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
