// PostgreSQL refuses to run as root. Where we are root (containers, CI), it runs as `postgres` or else `nobody`,
// and then each folder above its programs and its data must be open to that user: a checkout below /root is not.
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { GbxError } from '../core/errors.ts';

export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Whom to run PostgreSQL as; undefined: ourselves. @throws {GbxError} GBX_LOCAL_STACK where root finds neither user */
export async function findServerUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = parsePasswd(await readFile('/etc/passwd', 'utf8'));
  const user = users.get('postgres') ?? users.get('nobody');
  if (user) return user;
  throw new GbxError('GBX_LOCAL_STACK', 'Cannot start PostgreSQL as root: there is no user `postgres` or `nobody` to run it as', {
    hint: 'run gbx as another user, or use a warehouse that you have: DB_HOST=...',
  });
}

/** User name -> ids, from the text of /etc/passwd. */
export function parsePasswd(text: string): Map<string, ServerUser> {
  const users = new Map<string, ServerUser>();
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name && uid && gid) users.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  return users;
}

/** Whether the user may enter every folder above the path. The path itself need not exist. */
export async function canReach(path: string, user: ServerUser): Promise<boolean> {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    const stats = await stat(dir).catch(() => undefined);
    if (stats && !mayEnter(stats, user)) return false;
    if (dir === dirname(dir)) return true;
  }
}

function mayEnter({ mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number }, user: ServerUser): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  if (gid === user.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}
