// The contract of the pages: each line that begins with gbx does what its page says. The lines of a page are run in their order
// against a pipeline that works, and end with 0, or with what OTHER_CODES says. Names that a page makes up (hosts, ids, plans)
// become those of the test, and long times short ones; no line is left out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type CommandLine, commandLines } from '../support/command-lines.ts';
import { type DocsWorld, openDocsWorld, planName } from '../support/docs-world.ts';
import { startGbx, type TestProcess } from '../support/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const linesOf = (page: string): CommandLine[] => commandLines(page, readFileSync(join(ROOT, page), 'utf8'));

/** Lines that answer "no" here, since there are dead letters, and one replica of each topic; and one that only a signal ends. */
const OTHER_CODES: Readonly<Record<string, number>> = {
  'doctor --strict --json': 1,
  'lag --max-lag-seconds 60 --max-dlq 0': 1,
  'lag --max-lag-seconds 300 --max-dlq 0 --fail-on error': 1,
  'lag --max-dlq 0': 1,
  'lag --watch': 143,
};

/** What must be so before a line; the last plan that was made is what a page calls <plan>. */
const BEFORE: readonly (readonly [RegExp, (world: DocsWorld) => Promise<unknown>])[] = [
  [/^consume --reset-ledger/u, (world) => world.stopConsumer()],
  [/^replay plan/u, (world) => world.refuseRows()],
  [/^replay resume/u, (world) => world.stoppedReplay()],
  [/^replay cancel/u, (world) => world.plan()],
  [/^replay import/u, (world) => world.editLetters('letters.ndjson')],
];

/** How long a line looks or sends is not what its page promises. */
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/(?<=^lag .*--sample )\S+/u, '1s'],
  [/(?<=^produce .*--duration )\S+/u, '1s'],
  [/(?<=^produce .*--stage )\S+/u, '50/s:1s,100/s:1s'],
  [/(?<=^produce .*--threshold )p99<\d+ms/u, 'p99<30s'],
];

function asHere(line: CommandLine, { serving, pipeline, known }: DocsWorld, plan: string): readonly string[] {
  const names: readonly (readonly [string, string])[] = [
    ['https://exposures.example', serving.url],
    ['http://127.0.0.1:8000', serving.url],
    ['exposures.example', '127.0.0.1'],
    ['growthbook-consumer', pipeline.group],
    ['<plan>', plan],
    ['01985f0a-77d1-7c3e-9f3a-1b2c3d4e5f60', known.exposureId],
    ['rec_3q2-7wAB', known.derivedId],
    ['user-42', known.user],
    ['--experiment checkout', `--experiment ${known.experiment}`],
    ['0/120', '0/0'],
    ['0:1200,1:980', '0:1,1:1'],
  ];
  const made = names.reduce((text, [from, to]) => text.replaceAll(from, to), line.argv.join(' '));
  return SHORTER.reduce((text, [from, to]) => text.replace(from, to), made).split(' ');
}

/** Runs until it is stopped. */
function runsOn([name = '', ...rest]: readonly string[]): boolean {
  if (name === 'lag') return rest.includes('--watch');
  return name === 'serve' || (name === 'consume' && !rest.some((word) => ['--once', '--dry-run', '--reset-ledger'].includes(word)));
}

/** Where it listens by default others may listen. */
const OWN_PORTS = { GBX_HTTP_PORT: '0', GBX_HTTP_HOST: '127.0.0.1' };

async function endOf(child: TestProcess, argv: readonly string[]): Promise<number | null> {
  if (runsOn(argv)) {
    await child.line(/"serve\.listening"|"partitions\.claimed"|lag=\d/u, { timeoutMs: 40_000 });
    child.signal('SIGTERM');
  }
  return (await child.exit({ timeoutMs: 60_000 })).code;
}

test('there are lines on every page of a task', () => {
  const pages = ['check-in-ci', 'cut-over', 'dead-letters', 'deploy', 'lag-is-growing', 'on-call', 'replay'].map(
    (name) => `docs/${name}.md`,
  );
  expect(pages.filter((page) => linesOf(page).length < 3)).toEqual([]);
});

describe('the lines of a page do what it says', () => {
  let world: DocsWorld;
  let plan = '';
  beforeAll(async () => {
    world = await openDocsWorld();
    const exposure = { exposure_id: 'docs-1', ds_user_id: 'u', experiment_id: 'checkout', variation_id: '1' };
    writeFileSync(join(world.folder, 'exposures.ndjson'), `${JSON.stringify(exposure)}\n`);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const lines = PAGES.flatMap(linesOf);
  it.each(lines.map((line) => [line.place, line.text, line] as const))(
    '%s: %s',
    async (_, __, line) => {
      const typed = line.argv.join(' ');
      if (!typed.startsWith('consume --reset-ledger')) await world.startConsumer();
      for (const [match, prepare] of BEFORE) if (match.test(typed)) plan = String((await prepare(world)) ?? plan);
      const argv = asHere(line, world, plan);
      // A page that gives no URL means the default port, where others may listen.
      const whole = argv[0] === 'smoke' && !argv.includes('--url') ? [...argv, '--url', world.serving.url] : argv;
      await using child = await startGbx(whole, { env: { ...world.pipeline.env, ...OWN_PORTS }, cwd: world.folder });
      const code = await endOf(child, argv);
      expect({ code, stderr: child.stderr() }).toMatchObject({ code: OTHER_CODES[typed] ?? 0 });
      // Node's own, as of listeners that pile up.
      expect(child.stderr()).not.toMatch(/Warning: /u);
      if (!runsOn(argv)) expect(child.stdout() + child.stderr()).not.toBe('');
      if (argv.includes('--json')) expect(JSON.parse(child.stdout())).toMatchObject({ schema: expect.stringMatching(/^gbx\./u) });
      if (/^replay (plan|import)/u.test(typed)) plan = planName(child.stdout());
    },
    120_000,
  );
});
