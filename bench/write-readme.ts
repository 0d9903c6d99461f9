// The generated parts of bench/README.md: what stands between the markers of a section is replaced, all else is kept.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Part } from './options.ts';

const README = new URL('README.md', import.meta.url);

/** Machine, versions, date, commit and command, as a paragraph of Markdown. To be called before anything runs: it tells how busy the machine is. */
export async function describeRun(argv: readonly string[]): Promise<string> {
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`;
  const commit = git('rev-parse', '--short=12', 'HEAD');
  const changed = git('status', '--porcelain', '--', '.', ':(exclude)bench/README.md') === '' ? '' : ' with changes';
  const command = ['npm run bench', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const [load = 0] = loadavg();
  return `Measured ${date} UTC at commit ${commit}${changed} by \`${command}\`, Node ${process.versions.node}, on: ${machine}; load average before: ${load.toFixed(1)}.`;
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

/** @throws {Error} where README.md has no such markers */
export async function writeSection(part: Part, text: string): Promise<void> {
  await writeFile(README, withSection(await readFile(README, 'utf8'), part, text));
}

function withSection(readme: string, part: Part, text: string): string {
  const [begin, end] = [`<!-- figures: ${part} -->\n`, `<!-- end of figures: ${part} -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`bench/README.md has no markers for the figures of ${part}`);
  return `${readme.slice(0, from + begin.length)}\n${text}\n\n${readme.slice(to)}`;
}
