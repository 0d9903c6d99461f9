// Class data sharing: the JVM maps Kafka's loaded classes from a file instead of loading them, which takes the better half
// of a broker's start away. The file is written when a broker without one stops in order; it fits one JVM and these jars only.
import { createHash, randomUUID } from 'node:crypto';
import { access, copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaJars } from './kafka-jars.ts';

export type ClassArchive = {
  readonly kind: 'use' | 'write';
  readonly file: string;
  /** After the broker has stopped: puts a written archive in its place. The JVM writes it whole before it ends. */
  keep(): Promise<void>;
};

/**
 * An archive that does not fit is no error to the JVM: it warns in the log and loads classes as usual.
 *
 * @param dataDir where a new one is written first, so that a broker that is killed leaves nothing in the cache.
 */
export async function planClassArchive(jars: KafkaJars, dataDir: string): Promise<ClassArchive> {
  const jvm = createHash('sha256').update(jars.java.version).digest('hex').slice(0, 8);
  const file = join(jars.dir, `classes-${jvm}.jsa`);
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists) return { kind: 'use', file, keep: async () => undefined };
  const written = join(dataDir, 'classes.jsa');
  return { kind: 'write', file: written, keep: () => moveIntoCache(written, file) };
}

/** The folders may be on different disks: copy, then rename. Failing costs speed only. */
async function moveIntoCache(from: string, to: string): Promise<void> {
  const part = `${to}.part-${randomUUID()}`;
  try {
    await copyFile(from, part);
    await rename(part, to);
  } catch {
    await rm(part, { force: true });
  } finally {
    await rm(from, { force: true });
  }
}

export function archiveFlags({ kind, file }: ClassArchive): string[] {
  return [kind === 'use' ? `-XX:SharedArchiveFile=${file}` : `-XX:ArchiveClassesAtExit=${file}`];
}
