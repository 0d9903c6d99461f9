// Contract: the jars are what kafka/jars.sha256 says or are not used, and where Java or Maven is missing the message names
// what is missing and every way to go on.
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensureKafkaJars, type KafkaJars, parseLock, userCacheDir } from '../../src/dev/kafka-jars.ts';

let cacheDir: string;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gbx-cache-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cacheDir, { recursive: true, force: true });
});

const ensure = (): Promise<KafkaJars> => ensureKafkaJars({ cacheDir, progress: () => undefined });

/** The jars of the user's cache in a cache of the test's own; the global set-up has fetched them. */
async function copyCache(): Promise<KafkaJars> {
  const original = await ensureKafkaJars({ cacheDir: userCacheDir(), progress: () => undefined });
  const dir = original.dir.replace(userCacheDir(), cacheDir);
  await cp(original.dir, dir, { recursive: true });
  return { ...original, dir };
}

describe('ensureKafkaJars()', () => {
  it('names Java and Maven and the ways to go on when both are missing', async () => {
    vi.stubEnv('PATH', cacheDir);
    vi.stubEnv('JAVA_HOME', '');
    const error = await ensure().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'GBX_LOCAL_STACK', exitCode: 69 });
    expect(error).toHaveProperty('message', expect.stringMatching(/Java 17 or newer is not installed.*Maven is not installed/));
    expect(error).toHaveProperty('hint', expect.stringMatching(/apt-get install .*KAFKA_BOOTSTRAP_SERVERS=/s));
  });

  it('leaves nothing half fetched in the cache when Maven fails', async () => {
    const bin = await mkdtemp(join(cacheDir, 'bin-'));
    const java = 'case "$1" in -version) echo \'openjdk version "17.0.1"\' >&2;; esac';
    await writeFile(join(bin, 'java'), `#!/bin/sh\n${java}\n`, { mode: 0o755 });
    await writeFile(join(bin, 'mvn'), '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "[ERROR] no route to the repository"; exit 1\n', {
      mode: 0o755,
    });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    vi.stubEnv('JAVA_HOME', '');
    await expect(ensure()).rejects.toMatchObject({
      code: 'GBX_LOCAL_STACK',
      message: expect.stringContaining('no route to the repository'),
    });
    expect((await readdir(cacheDir)).filter((name) => name.startsWith('kafka-'))).toEqual([]);
  });

  it('refuses a jar that was changed, and says which folder to remove', async () => {
    const { dir, names } = await copyCache();
    await appendFile(join(dir, names[0] ?? ''), 'x');
    await expect(ensure()).rejects.toMatchObject({ message: expect.stringContaining(names[0] ?? ''), hint: expect.stringContaining(dir) });
  });

  it('refuses a jar that is missing, and one that does not belong there', async () => {
    const { dir, names } = await copyCache();
    await writeFile(join(dir, 'stray.jar'), '');
    await expect(ensure()).rejects.toThrow(/stray\.jar does not belong there/);
    await rm(join(dir, 'stray.jar'));
    await rm(join(dir, names[1] ?? ''));
    await expect(ensure()).rejects.toThrow(/is missing/);
  });

  it('needs neither Maven nor network once the jars are there', async () => {
    const { dir } = await copyCache();
    const bin = await mkdtemp(join(cacheDir, 'bin-'));
    await writeFile(join(bin, 'mvn'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    expect((await ensure()).dir).toBe(dir);
  });
});

describe('parseLock()', () => {
  it('reads what sha256sum prints', () => {
    expect(parseLock(`${'a'.repeat(64)}  one.jar\n${'b'.repeat(64)}  two-1.0.jar\n`)).toEqual(
      new Map([
        ['one.jar', 'a'.repeat(64)],
        ['two-1.0.jar', 'b'.repeat(64)],
      ]),
    );
  });
});
