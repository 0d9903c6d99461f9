// A build of our own in a folder of our own: what is measured is what stands in src/ now, and dist/ is left alone.
import { access, copyFile, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openKeptProcess } from '../src/dev/kept-process.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

export interface Build {
  /** The launcher, for what a user starts. */
  readonly bin: string;
  /** Beside the compiled modules. */
  readonly cli: string;
  readonly dist: string;
}

/** @throws {Error} with what the compiler said */
export async function buildInto(dir: string): Promise<Build> {
  await mkdir(dir, { recursive: true });
  for (const folder of ['bin', 'sql', 'kafka']) await cp(join(ROOT, folder), join(dir, folder), { recursive: true });
  await copyFile(join(ROOT, 'package.json'), join(dir, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const dist = join(dir, 'dist');
  const said: string[] = [];
  await using compiler = await openKeptProcess({
    command: process.execPath,
    args: [await findCompiler(), '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', dist],
    cwd: ROOT,
    output: { onLine: (line) => said.push(line) },
  });
  const { code } = await compiler.exited;
  if (code !== 0) console.error(`bench: the compiler is not content, going on with what it wrote:\n${said.join('\n')}`);
  const cli = join(dist, 'cli.js');
  await access(cli);
  return { bin: join(dir, 'bin', 'gbx'), cli, dist };
}

async function findCompiler(): Promise<string> {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const { bin } = JSON.parse(await readFile(manifest, 'utf8')) as { bin: Readonly<Record<string, string>> };
  return join(dirname(manifest), bin['tsc'] ?? 'bin/tsc');
}
