// Apache Kafka's jars: fetched through Maven once into the user's cache, held to the hashes in kafka/jars.sha256.
// Two that start at once each fetch into a folder of their own and the first rename wins. Nothing here needs the network
// the second time.
import { createHash, randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { GbxError } from '../core/errors.ts';
import { findJava, type Java } from './java.ts';
import { openKeptProcess } from './kept-process.ts';
import { logTail } from './log-tail.ts';

/** Where the pom, the lock and the broker's log settings stand: beside dist/ in a package, beside src/ in a checkout. */
export const KAFKA_FILES = fileURLToPath(new URL('../../kafka/', import.meta.url));

export type Progress = (message: string) => void;

interface EnsureKafkaJarsOptions {
  readonly cacheDir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface KafkaJars {
  readonly java: Java;
  readonly dir: string;
  /** Names of the jars in `dir`, sorted: the class path is spelled out, so that a stray jar is never loaded. */
  readonly names: readonly string[];
}

/** The user's cache: $XDG_CACHE_HOME/gbx, else ~/.cache/gbx. */
export function userCacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gbx');
}

/** @throws {GbxError} GBX_LOCAL_STACK where Java or Maven is missing, the fetch fails, or a jar is not what it should be */
export async function ensureKafkaJars({ cacheDir, progress, signal }: EnsureKafkaJarsOptions): Promise<KafkaJars> {
  const [pom, lock] = await Promise.all([readFile(join(KAFKA_FILES, 'pom.xml')), readFile(join(KAFKA_FILES, 'jars.sha256'), 'utf8')]);
  const expected = parseLock(lock);
  const key = createHash('sha256').update(pom).update(lock).digest('hex').slice(0, 12);
  const dir = join(cacheDir, `kafka-${key}`);
  const cached = await listDir(dir);
  const java = await findJava({ maven: cached === undefined });
  if (cached === undefined) await fetchJars({ dir, expected, progress, signal });
  else await assertJars(dir, expected, `remove the folder ${dir} and start again`);
  return { java, dir, names: [...expected.keys()].sort() };
}

interface FetchOptions {
  readonly dir: string;
  readonly expected: ReadonlyMap<string, string>;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

async function fetchJars({ dir, expected, progress, signal }: FetchOptions): Promise<void> {
  progress(`fetching Apache Kafka 3.8.1 with Maven, once: ${expected.size} jars, 46 MB, into ${dir}`);
  const part = `${dir}.part-${randomUUID()}`;
  await mkdir(part, { recursive: true });
  try {
    const jars = join(part, 'jars');
    // Maven writes `target` beside a pom: give it a copy.
    await cp(join(KAFKA_FILES, 'pom.xml'), join(part, 'pom.xml'));
    await runMaven(part, jars, signal);
    await assertJars(jars, expected, 'remove it from Maven’s local repository (usually ~/.m2/repository) and start again');
    await moveInto(jars, dir);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function runMaven(part: string, jars: string, signal: AbortSignal | undefined): Promise<void> {
  const log = join(part, 'maven.log');
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
  const maven = await openKeptProcess({
    command: 'mvn',
    args: ['-B', '-q', '-Dstyle.color=never', '-f', join(part, 'pom.xml'), ...goal],
    cwd: part,
    output: { file: log },
    graceSeconds: 1,
  });
  const abort = (): void => void maven.stop();
  signal?.addEventListener('abort', abort, { once: true });
  const { code } = await maven.exited;
  signal?.removeEventListener('abort', abort);
  signal?.throwIfAborted();
  if (code === 0) return;
  throw new GbxError(
    'GBX_LOCAL_STACK',
    `Cannot fetch Apache Kafka's jars: Maven ended with code ${code ?? 'unknown'}\n${await logTail(log, 15)}`,
    {
      hint: 'check that this machine reaches a Maven repository (Maven’s own settings apply), or use a Kafka that you have: KAFKA_BOOTSTRAP_SERVERS=host:9092',
    },
  );
}

/** Another process may have been faster: its folder holds the same, verified, jars. */
async function moveInto(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((await listDir(to)) === undefined) throw error;
  }
}

/** Every jar of the lock is there with its hash, and no other file ends with `.jar`. */
async function assertJars(dir: string, expected: ReadonlyMap<string, string>, hint: string): Promise<void> {
  const present = (await readdir(dir)).filter((name) => name.endsWith('.jar'));
  const stray = present.find((name) => !expected.has(name));
  if (stray) throw new GbxError('GBX_LOCAL_STACK', `Cannot use Apache Kafka's jars: ${join(dir, stray)} does not belong there`, { hint });
  await Promise.all(
    [...expected].map(async ([name, sha256]) => {
      const bytes = present.includes(name) ? await readFile(join(dir, name)) : undefined;
      if (bytes === undefined)
        throw new GbxError('GBX_LOCAL_STACK', `Cannot use Apache Kafka's jars: ${join(dir, name)} is missing`, { hint });
      if (createHash('sha256').update(bytes).digest('hex') === sha256) return;
      throw new GbxError(
        'GBX_LOCAL_STACK',
        `Cannot use Apache Kafka's jars: ${join(dir, name)} has other contents than kafka/jars.sha256 says`,
        { hint },
      );
    }),
  );
}

/** File name -> SHA-256, from what `sha256sum *.jar` prints. */
export function parseLock(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line): [string, string] => [line.slice(66), line.slice(0, 64)]));
}

async function listDir(dir: string): Promise<string[] | undefined> {
  return readdir(dir).catch(() => undefined);
}
