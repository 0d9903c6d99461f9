import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { canBeReadAgain, type LineReader, openLines, type ReadLine } from '../../src/files/read-lines.ts';

async function all(reader: LineReader): Promise<ReadLine[]> {
  const lines: ReadLine[] = [];
  for (let some = await reader.next(); some !== undefined; some = await reader.next()) lines.push(...some);
  return lines;
}

test('openLines() says that a file is not there when it is read', async () => {
  await using reader = openLines({ from: '/no/such/file', bytesMax: 10 });
  await expect(reader.next()).rejects.toMatchObject({ code: 'GBX_USAGE', message: 'Cannot read /no/such/file: there is no such file' });
});

test('openLines() ends a read that waits when it is closed', async () => {
  const reader = openLines({ from: new PassThrough(), bytesMax: 10 });
  const reading = reader.next();
  await reader[Symbol.asyncDispose]();
  expect(await reading).toBeUndefined();
  expect(await reader.next()).toBeUndefined();
});

test('openLines() gives a line that is too long without its text, and goes on behind it', async () => {
  const chunks = ['ab', 'cdefgh', 'ijkl\nok\n', '1234567890\n12345678901\nend'].map((text) => Buffer.from(text));
  expect(await all(openLines({ from: Readable.from(chunks), bytesMax: 10 }))).toEqual([
    { number: 1, text: undefined },
    { number: 2, text: 'ok' },
    { number: 3, text: '1234567890' },
    { number: 4, text: undefined },
    { number: 5, text: 'end' },
  ]);
});

test('openLines() reads lines of a file, letters of several bytes over chunks, and leaves out a byte order mark', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gbx-lines-'));
  try {
    const path = join(folder, 'lines');
    const texts = Array.from({ length: 20_000 }, (_, i) => `${i} äöü€😀`);
    writeFileSync(path, `\uFEFF${texts.join('\n')}\n`);
    const lines = await all(openLines({ from: path, bytesMax: 1000 }));
    expect(lines.map(({ text }) => text)).toEqual(texts);
    expect(lines.at(-1)?.number).toBe(20_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('openLines() reads a pipe whose writer comes later, and lets go of one that nobody writes to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gbx-lines-'));
  try {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect([await canBeReadAgain(path), await canBeReadAgain(folder), await canBeReadAgain(join(folder, 'none'))]).toEqual([
      false,
      false,
      true,
    ]);
    const silent = openLines({ from: path, bytesMax: 1000 });
    const waiting = silent.next();
    await silent[Symbol.asyncDispose]();
    expect(await waiting).toBeUndefined();
    const reading = all(openLines({ from: path, bytesMax: 1000 }));
    const writer = spawn('sh', ['-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done > "$0"', path], { stdio: 'ignore' });
    expect((await reading).map(({ text }) => text)).toEqual(['1', '2', '3']);
    await new Promise((resolve) => (writer.exitCode === null ? writer.once('exit', resolve) : resolve(undefined)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
