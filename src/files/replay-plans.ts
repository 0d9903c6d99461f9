// Plans and journals of `gbx replay` on disk: `<id>.plan` or any file a person named, with `<plan>.journal` beside it,
// `<plan>.lock` around who runs it, and `<plan>.cancel` where somebody wants it to end. Readable by the owner only: edited plans hold what users did.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GbxError } from '../core/errors.ts';
import { type JournalEntry, readJournal } from '../core/replay/journal.ts';
import { type Plan, parsePlan } from '../core/replay/plan.ts';

const SUFFIX = '.plan';

export interface StoredPlan {
  readonly path: string;
  readonly plan: Plan;
  readonly journal: readonly JournalEntry[];
  readonly isCancelled: boolean;
}

export interface JournalFile extends AsyncDisposable {
  /** On disk when it returns. @throws {GbxError} GBX_CONFIG */
  append(line: string): Promise<void>;
}

/** @returns where it is. Never over one that is there: its journal would be of another plan. @throws {GbxError} GBX_USAGE, GBX_CONFIG */
export async function writePlan(
  text: string,
  { folder, id, file }: { folder: string; id: string; file: string | undefined },
): Promise<string> {
  const path = file ?? join(folder, `${id}${SUFFIX}`);
  try {
    if (file === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeWhole(path, text);
    return path;
  } catch (error) {
    if (codeOf(error) === 'EEXIST')
      throw new GbxError('GBX_USAGE', `Cannot write the plan to ${path} as something stands there`, {
        hint: 'give another file with --plan',
      });
    throw cannot('write the plan to', path, error);
  }
}

/** All of it under its name, or nothing: a kill or a full disk leaves no torn plan. Throws EEXIST where something stands there. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID().slice(0, 8)}.new`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    // As a rename, save that it replaces nothing.
    await link(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
}

/** @param name an id, or a path. @throws {GbxError} GBX_USAGE where there is none, GBX_INPUT_INVALID for one that is torn */
export async function readStoredPlan(name: string, folder: string): Promise<StoredPlan> {
  const path = await findPlan(name, folder);
  const plan = parsePlan(await readText(path), path);
  const journal = await readFile(journalOf(path)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw cannot('read', journalOf(path), error);
  });
  return { path, plan, journal: readJournal(journal).entries, isCancelled: await isCancelled(path) };
}

/** Paths of the plans in the folder, newest first; none where there is no folder. */
export async function listPlans(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw cannot('read', folder, error);
  });
  return names
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .reverse()
    .map((name) => join(folder, name));
}

/** Goes on behind its last whole line; what is torn behind that is cut. @throws {GbxError} GBX_CONFIG */
export async function openJournal(planPath: string): Promise<JournalFile> {
  const path = journalOf(planPath);
  try {
    const file = await open(path, 'a+', 0o600);
    const { bytes, isTorn } = readJournal(await file.readFile());
    if (isTorn) await file.truncate(bytes);
    // The name itself is to outlive a crash of the machine.
    await syncFolder(dirname(path));
    return {
      async append(line) {
        try {
          await file.appendFile(line);
          await file.datasync();
        } catch (error) {
          throw cannot('write the journal', path, error);
        }
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    throw cannot('open the journal', path, error);
  }
}

export async function markCancelled(planPath: string): Promise<void> {
  try {
    await writeFile(`${planPath}.cancel`, '', { mode: 0o600, flush: true });
  } catch (error) {
    throw cannot('write', `${planPath}.cancel`, error);
  }
}

export async function isCancelled(planPath: string): Promise<boolean> {
  return await isThere(`${planPath}.cancel`);
}

interface ExportFile extends AsyncDisposable {
  /** One at a time. @throws {GbxError} GBX_CONFIG that names the file */
  write(text: string): Promise<void>;
}

/** @throws {GbxError} GBX_USAGE where it cannot be written */
export async function openExport(path: string): Promise<ExportFile> {
  try {
    const file = await open(path, 'w', 0o600);
    const told = async (work: Promise<void>): Promise<void> => {
      await work.catch((error: unknown) => {
        throw new GbxError('GBX_CONFIG', `Cannot write the dead letters to ${path}: ${codeOf(error) ?? String(error)}`, {
          cause: error,
          hint: 'it is not whole: make room on its disk, or give another file with --file',
        });
      });
    };
    return {
      write: (text) => told(file.appendFile(text)),
      // A disk may refuse only now what it had taken before.
      [Symbol.asyncDispose]: () => told(file.close()),
    };
  } catch (error) {
    throw new GbxError('GBX_USAGE', `Cannot write to ${path}`, {
      cause: error,
      hint: 'give a file in a folder that exists and may be written to',
    });
  }
}

async function findPlan(name: string, folder: string): Promise<string> {
  for (const path of [name, join(folder, `${name}${SUFFIX}`)]) if (await isThere(path)) return path;
  throw new GbxError('GBX_USAGE', `There is no plan ${name}, neither as a file nor in ${folder}`, { hint: 'see them: gbx replay status' });
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw cannot('read', path, error);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Folder of the lock on a plan: whoever runs it by its path, from wherever, finds it there. */
export function lockOf(planPath: string): string {
  return `${planPath}.lock`;
}

function journalOf(planPath: string): string {
  return `${planPath}.journal`;
}

function cannot(doing: string, path: string, error: unknown): GbxError {
  return new GbxError('GBX_CONFIG', `Cannot ${doing} ${path}: ${codeOf(error) ?? String(error)}`, {
    cause: error,
    hint: 'give a folder that this user may write to: GBX_REPLAY_DIR',
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
