// Contract: on a terminal `gbx lag --watch` takes the alternate screen and gives it back on every way out, leaving three lines
// on the normal one; where it cannot draw it writes lines; `gbx lag` without it loads neither ink nor react.
// The terminal is the child's own streams, made to look like one before gbx starts: no tool for it is sure to be everywhere.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Env, openPipeline, type Pipeline } from '../support/pipeline.ts';
import { startGbx, type TestProcess } from '../support/process.ts';
import { eventually } from '../support/stack.ts';
import { commitOffsets } from '../support/topic-log.ts';

const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/**
 * Both streams look like a terminal of 80 x 24; raw mode is told on stdout; SIGUSR2 makes gbx crash. Each write ends its line,
 * as the test reads lines.
 */
const FAKE_TTY = `
  const write = process.stdout.write.bind(process.stdout);
  Object.assign(process.stdout, { isTTY: true, columns: 80, rows: 24, write: (text) => write(text + '\\n') });
  Object.assign(process.stdin, { isTTY: true, setRawMode: (isRaw) => { write('<raw ' + isRaw + '>\\n'); return process.stdin; } });
  process.on('SIGUSR2', () => { throw new Error('made to crash'); });`;

function preload(source: string): Env {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(source)}` };
}

/** With Kafka alone, and a group that has loaded all. */
async function openQuiet(): Promise<Pipeline & { readonly kafka: Env }> {
  const pipeline = await openPipeline({ partitions: 2 });
  const offsets = new Map([
    [0, 0n],
    [1, 0n],
  ]);
  await commitOffsets({ brokers: pipeline.brokers, topic: pipeline.topic }, { group: pipeline.group, offsets });
  return { ...pipeline, kafka: Object.fromEntries(Object.entries(pipeline.env).filter(([name]) => !name.startsWith('DB_'))) };
}

async function watch(env: Env, more: Env = {}): Promise<TestProcess> {
  return await startGbx(['lag', '--watch', '--interval', '500ms'], {
    cwd: tmpdir(),
    env: { ...env, LANG: 'C.UTF-8', ...preload(FAKE_TTY), ...more },
  });
}

async function untilDrawn(child: TestProcess, text: string): Promise<void> {
  await eventually(`'${text}' on the screen`, async () => child.stdout().includes(text));
}

/** What stands on the normal screen at the end. */
function leftBehind(child: TestProcess): string {
  const text = child.stdout().split(LEAVE).at(-1) ?? '';
  return `${text.replaceAll(/<raw \w+>/gu, '').trim()}\n`;
}

describe('gbx lag --watch on a terminal', () => {
  test('draws, follows keys, and leaves with 0 and three lines', async () => {
    await using pipeline = await openQuiet();
    await using child = await watch(pipeline.kafka);
    await untilDrawn(child, '● live');
    expect(child.stdout()).toContain(ENTER);
    child.write('\r');
    await untilDrawn(child, 'no change of its verdict since the start');
    child.write('q');
    expect(await child.exit()).toMatchObject({ code: 0 });
    expect(leftBehind(child)).toMatch(/^gbx lag \S+ \S+: watched .*\nlag 0 → 0, min 0, max 0.*\n0 verdict changes\n$/u);
    expect(
      child
        .stdout()
        .match(/<raw \w+>/gu)
        ?.at(-1),
    ).toBe('<raw false>');
    expect(child.stderr()).toBe('');
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('gives the terminal back at %s and ends with %d', async (signal, code) => {
    await using pipeline = await openQuiet();
    await using child = await watch(pipeline.kafka);
    await untilDrawn(child, '● live');
    child.signal(signal);
    expect(await child.exit()).toMatchObject({ code });
    expect(child.stdout().split(LEAVE)).toHaveLength(2);
    expect(
      child
        .stdout()
        .match(/<raw \w+>/gu)
        ?.at(-1),
    ).toBe('<raw false>');
  });

  test('gives the terminal back while it is stopped, and draws anew when it goes on, also where nothing told of the stop', async () => {
    await using pipeline = await openQuiet();
    await using child = await watch(pipeline.kafka);
    await untilDrawn(child, '● live');
    child.signal('SIGTSTP');
    await eventually('the terminal given back', async () => child.stdout().split(LEAVE).length === 2);
    child.signal('SIGCONT');
    await eventually('the terminal taken again', async () => /● live/u.test(child.stdout().split(LEAVE)[1]?.split(ENTER)[1] ?? ''));
    expect(child.stdout()).toMatch(/<raw false>[\s\S]*<raw true>\n[^<]*$/u);
    const entered = (): number => child.stdout().split(ENTER).length;
    const before = entered();
    child.signal('SIGSTOP');
    child.signal('SIGCONT');
    await eventually('the whole drawn anew', async () => entered() > before);
    child.write('q');
    expect(await child.exit()).toMatchObject({ code: 0 });
    expect(leftBehind(child)).toMatch(/^gbx lag /u);
  });

  test('gives the terminal back when it crashes, before it says why', async () => {
    await using pipeline = await openQuiet();
    await using child = await watch(pipeline.kafka);
    await untilDrawn(child, '● live');
    child.signal('SIGUSR2');
    expect(await child.exit()).toMatchObject({ code: 70 });
    expect(child.stdout().split(LEAVE)).toHaveLength(2);
    expect(
      child
        .stdout()
        .match(/<raw \w+>/gu)
        ?.at(-1),
    ).toBe('<raw false>');
    expect(child.stderr()).toContain('made to crash');
  });

  test('writes ASCII where the locale has no more, and no colour with NO_COLOR', async () => {
    await using pipeline = await openQuiet();
    await using child = await watch(pipeline.kafka, { LANG: 'C', NO_COLOR: '1' });
    await untilDrawn(child, '* live');
    child.write('q');
    await child.exit();
    expect([...child.stdout()].filter((character) => character > '\u007f')).toEqual([]);
    const colors = [...child.stdout().matchAll(/\[(\d[\d;]*)m/gu)].map((match) => match[1]);
    expect(colors.filter((code) => code !== '0')).toEqual([]);
  });

  test('writes lines to a terminal that cannot be drawn on, and takes nothing where the first look fails', async () => {
    await using pipeline = await openQuiet();
    await using dumb = await watch(pipeline.kafka, { TERM: 'dumb' });
    await dumb.line(/^\d\d:\d\d:\d\d lag=0 /u);
    dumb.signal('SIGTERM');
    await dumb.exit();
    expect(dumb.stdout()).not.toContain('\u001b');
    await using away = await watch({ ...pipeline.kafka, KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' });
    expect(await away.exit()).toMatchObject({ code: 69 });
    expect(away.stdout()).toBe('');
  });
});

test('gbx lag loads ink and react for the live view only', async () => {
  await using pipeline = await openQuiet();
  const folder = await mkdtemp(join(tmpdir(), 'gbx-lag-'));
  try {
    const list = join(folder, 'modules.txt');
    const hook = `import { appendFileSync } from 'node:fs';
      export async function resolve(specifier, context, next) {
        const found = await next(specifier, context);
        appendFileSync(${JSON.stringify(list)}, found.url + '\\n');
        return found;
      }`;
    const env = {
      ...pipeline.kafka,
      ...preload(
        `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));`,
      ),
    };
    await using once = await startGbx(['lag'], { cwd: tmpdir(), env });
    expect(await once.exit()).toMatchObject({ code: 0 });
    await using lines = await startGbx(['lag', '--watch', '--interval', '100ms'], { cwd: tmpdir(), env });
    await lines.line(/ lag=0 /u);
    lines.signal('SIGTERM');
    await lines.exit();
    const loaded = readFileSync(list, 'utf8');
    expect(loaded).toContain('node_modules/kafkajs/');
    expect(loaded).not.toMatch(/node_modules\/(ink|react|yoga-layout)\//u);
  } finally {
    await rm(folder, { recursive: true });
  }
});
