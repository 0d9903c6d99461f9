// The contract of the pages: every line in them that begins with gbx is one that gbx takes, and what only asks is run against
// real servers, where it must give an answer: not wrong usage, not a bug, not the wrong configuration.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseArguments } from '../../src/program.ts';
import { openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Languages of fenced blocks that are a shell's. */
const SHELL = /^(sh|bash|shell|console|zsh)$/u;

interface CommandLine {
  readonly place: string;
  readonly text: string;
  readonly argv: readonly string[];
}

/** The lines of a page that a reader may paste: in blocks fenced for a shell, and in indented ones. */
function commandLines(page: string, markdown: string): CommandLine[] {
  const found: CommandLine[] = [];
  let fence: string | undefined;
  let unfinished = '';
  for (const [index, line] of markdown.split('\n').entries()) {
    const mark = /^\s*```(\w*)/u.exec(line);
    if (mark !== null) {
      fence = fence === undefined ? (mark[1] ?? '') : undefined;
      continue;
    }
    const isCode = fence === undefined ? /^ {4}/u.test(line) : SHELL.test(fence);
    if (!isCode) continue;
    const text = `${unfinished}${line.trim().replace(/^\$ /u, '')}`;
    unfinished = text.endsWith('\\') ? `${text.slice(0, -1).trimEnd()} ` : '';
    if (unfinished !== '' || !/^(\w+=\S+ )*gbx(\s|$)/u.test(text)) continue;
    found.push({ place: `${page}:${index + 1}`, text, argv: words(text) });
  }
  return found;
}

/** What of the line goes to gbx: no settings before it, no comment, no pipe or file behind it. `<placeholders>` stand as 1. */
function words(text: string): readonly string[] {
  const command = text.replace(/^(\w+=\S+ )*gbx\s*/u, '').split(/\s(?:#|\||&&|\|\||;|>|>>|<|2>|&)(?:\s|$)/u)[0] ?? '';
  const filled = command.replaceAll(/<[\w -]+>|…/gu, '1');
  return [...filled.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/gu)].map(([, double, single, plain]) => double ?? single ?? plain ?? '');
}

const LINES = PAGES.flatMap((page) => commandLines(page, readFileSync(join(ROOT, page), 'utf8')));

/** Asks and writes nothing outside, ends by itself, and needs nothing but Kafka and the warehouse. */
function onlyAsks([name = '', action = '', ...rest]: readonly string[]): boolean {
  if (rest.includes('--watch') || action === '--watch') return false;
  if (['config', 'doctor', 'help', 'completion', 'lag', 'find'].includes(name) || name.startsWith('--')) return true;
  if (name === 'replay') return ['list', 'stats', 'status'].includes(action) || (action === 'range' && !rest.includes('--execute'));
  // Not by offsets and of a manifest: those of the page are not those of this test.
  if (name === 'verify') return ![action, ...rest].some((word) => word === '--manifest' || /^\d+:/u.test(word));
  return name === 'migrate' && ['status', 'plan'].includes(action);
}

test('commandLines() finds what a reader may paste, and nothing else', () => {
  const page = [
    'Text with gbx serve in it, and `gbx consume`.',
    '',
    '    gbx migrate up --partitions 12   # makes them',
    '    KAFKA_BOOTSTRAP_SERVERS=h:9092 gbx serve | head -1',
    '```sh',
    '$ gbx consume \\',
    "    --reset-ledger <offset> --topic 'a b'",
    'npm start',
    '```',
    '```json',
    'gbx nothing',
    '```',
  ].join('\n');
  expect(commandLines('p', page).map(({ argv }) => argv)).toEqual([
    ['migrate', 'up', '--partitions', '12'],
    ['serve'],
    ['consume', '--reset-ledger', '1', '--topic', 'a b'],
  ]);
});

test('there are lines to look at', () => {
  expect(LINES.length).toBeGreaterThan(10);
});

describe('every line of the pages is one that gbx takes', () => {
  it.each(LINES.map((line) => [line.place, line.text, line] as const))('%s: %s', (_, __, { argv }) => {
    expect(() => parseArguments(argv, { version: '0', stdout: () => undefined, columns: 80 })).not.toThrow();
  });
});

describe('every line of the pages that only asks gets an answer', () => {
  let pipeline: Pipeline;
  let folder: string;
  beforeAll(async () => {
    // Pages speak of partitions by number.
    pipeline = await openPipeline({ partitions: 12 });
    await pipeline.send(30);
    const consumer = await pipeline.consumer();
    await pipeline.untilLoaded();
    consumer.signal('SIGTERM');
    await consumer.exit();
    folder = mkdtempSync(join(tmpdir(), 'gbx-docs-'));
  });
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const asking = LINES.filter(({ argv }) => onlyAsks(argv));
  it.each(asking.map((line) => [line.place, line.text, line] as const))('%s: %s', async (_, __, { argv }) => {
    await using child = await startGbx(argv, { env: pipeline.env, cwd: folder });
    const { code } = await child.exit({ timeoutMs: 40_000 });
    // 1 and 124 are answers too: the pipeline of this test is not the one that the page speaks of.
    expect({ code, stderr: child.stderr() }).toMatchObject({
      code: expect.toSatisfy((value: unknown) => [0, 1, 124].includes(Number(value))),
    });
    expect(child.stdout()).not.toBe('');
    if (argv.includes('--json')) expect(JSON.parse(child.stdout())).toMatchObject({ schema: expect.stringMatching(/^gbx\./u) });
  });
});
