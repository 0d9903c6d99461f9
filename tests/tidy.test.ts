// The house rules that neither compiler nor linter hold: read the files that git knows or would take, and look.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { withReferenceTables } from '../src/core/reference-tables.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const below = (...patterns: RegExp[]): string[] => FILES.filter((path) => patterns.some((pattern) => pattern.test(path)));
const SELF = 'tests/tidy.test.ts';

/** `path:line text` of every line that matches. */
function linesWith(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const lines = read(path).split('\n');
    return lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim().slice(0, 120)}`] : []));
  });
}

test('there are files to look at', () => {
  expect(FILES).toContain('package.json');
  expect(below(/^src\/.*\.ts$/u).length).toBeGreaterThan(20);
});

describe('tests', () => {
  const paths = below(/^tests\/.*\.ts$/u).filter((path) => path !== SELF);

  test('run all: none is picked out, and what is skipped says why', () => {
    expect(linesWith(/\b(test|it|describe|suite)(\.\w+)*\.(only|todo)\b/u, paths)).toEqual([]);
    // `.skipIf(condition)` tells its reason itself; a plain skip needs a comment with one.
    expect(linesWith(/\b(test|it|describe|suite)(\.\w+)*\.skip\b(?!.*\/\/ \S+)/u, paths)).toEqual([]);
  });

  test('wait for what they wait for: a fixed sleep is too short on one machine and too long on all others', () => {
    const outsideSupport = paths.filter((path) => !path.startsWith('tests/support/') && !path.startsWith('tests/core/'));
    // A sleep that is itself the point, as "nothing happens meanwhile", says so behind it.
    expect(linesWith(/(\bsystemClock\.sleep\(\s*[\d_]+|\bsetTimeout\(\s*(resolve|done)\b)(?!.*\/\/ \S+)/u, outsideSupport)).toEqual([]);
  });

  test('have names of the three kinds', () => {
    const tests = below(/^tests\/.*\.test\.ts$/u);
    const misplaced = tests.filter((path) => path.includes('.e2e.') && !/^tests\/(e2e|faults)\//u.test(path));
    expect(misplaced).toEqual([]);
  });

  test('exist for every file of src/core that does something', () => {
    const untested = below(/^src\/core\/.*\.ts$/u).filter((path) => {
      // Types and tables have nothing to run.
      if (!/^(export )?(async )?function|^export const .*=>/mu.test(read(path))) return false;
      const mirrored = path.replace(/^src\//u, 'tests/').replace(/\.ts$/u, '');
      if (FILES.some((file) => file.startsWith(`${mirrored}.`) && file.endsWith('test.ts'))) return false;
      // Parts of one flow may be tested together, by a test of the same folder that names them.
      const folder = new RegExp(`^${mirrored.replace(/[^/]+$/u, '')}[^/]+\\.test\\.ts$`, 'u');
      return !below(folder).some((file) => read(file).includes(path.replace(/^.*\//u, '/')));
    });
    expect(untested).toEqual([]);
  });
});

describe('sources', () => {
  const sources = below(/^src\/.*\.tsx?$/u);

  test('keep core to itself, zod and node:crypto', () => {
    const wrong = sources
      .filter((path) => path.startsWith('src/core/'))
      .flatMap((path) => [...read(path).matchAll(/(?:\bfrom |import\()'([^']+)'/gu)].map((match) => `${path} ${match[1]}`))
      .filter((line) => !/ (zod|node:crypto|\.{1,2}\/.*\.ts)$/u.test(line));
    expect(wrong).toEqual([]);
  });

  test('begin with a comment that says what they are', () => {
    expect(sources.filter((path) => !/^(\/\/ |\/\*\*)/u.test(read(path)))).toEqual([]);
  });

  test('take no time but a Clock’s: AbortSignal.timeout cannot be moved by tests', () => {
    const own = sources.filter((path) => !path.startsWith('src/dev/'));
    expect(linesWith(/AbortSignal\.timeout\(/u, own)).toEqual([]);
  });

  test('have no folder or file that holds whatever found no place', () => {
    expect(sources.filter((path) => /(^|\/)(utils?|helpers?|common|types|misc|index)(\/|\.tsx?$)/u.test(path))).toEqual([]);
  });

  test('await what they return from where something is disposed of: unawaited it would outlive that', () => {
    const unawaited = [...sources, ...below(/^tests\/.*\.ts$/u)]
      .filter((path) => path !== SELF)
      .flatMap((path) => {
        const functions = read(path)
          .split(/^(?=\S.*\{$)/mu)
          .filter((text) => /^ {2}await using /mu.test(text));
        return functions.flatMap((text) =>
          [...text.matchAll(/^ {2}(?: {2})?return (?!await |await\(|new |rows\.map|text\.includes|performance\.)[\w.]+\(.*$/gmu)].map(
            (match) => `${path} ${match[0].trim()}`,
          ),
        );
      });
    expect(unawaited).toEqual([]);
  });

  test('leave nothing for later without an issue', () => {
    const mark = new RegExp(`\\b(${['FIX', 'ME'].join('')}|XXX|TODO(?!\\(#\\d+\\)))\\b`, 'u');
    expect(
      linesWith(
        mark,
        below(/^(src|scripts|bin|sql|tests|bench)\//u).filter((path) => path !== SELF),
      ),
    ).toEqual([]);
  });
});

describe('text files', () => {
  const texts = below(/\.(ts|tsx|mjs|js|json|md|sql|xml|sh|yml|yaml|properties|npmrc)$/u, /^(bin|\.ci)\//u).filter((path) => path !== SELF);

  test('name no package registry and no folder of one machine', () => {
    const registries = /\b(?:registry|npm|repo\d?|central|proxy|files|pypi)\.[\w-]+(?:\.[\w-]+)*\.(?:org|com|io)\b/u;
    expect(linesWith(registries, texts)).toEqual([]);
    expect(linesWith(/(^|[\s'"`(=:])\/(home|Users|root|work)\/[\w.-]+/u, texts)).toEqual([]);
  });

  test('are no longer than 300 lines where they are code', () => {
    const code = below(/^(src|tests|scripts|bench)\/.*\.(ts|tsx|mjs)$/u, /^bin\//u);
    const lengths = code.map((path) => ({ path, lines: read(path).trimEnd().split('\n').length }));
    expect(lengths.filter(({ lines }) => lines > 300)).toEqual([]);
  });

  test('hold no private key', () => {
    const begin = ['-----BEGIN', '(RSA |EC )?PRIVATE KEY-----\\n[A-Za-z0-9+/=]{20}'].join(' ');
    expect(texts.filter((path) => new RegExp(begin, 'u').test(read(path)))).toEqual([]);
  });
});

describe('package-lock.json', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };

  test('has the packages of every platform: without them npm ci refuses, and a registry may not offer all', () => {
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
    const paths = Object.keys(packages);
    expect(wanted.filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });

  test('carries no download address', () => {
    expect(linesWith(/"resolved":/u, ['package-lock.json'])).toEqual([]);
  });
});

describe('sql', () => {
  const numbered = below(/^sql\/.*\.sql$/u);

  test('is numbered from 0001 without gaps', () => {
    expect(numbered.length).toBeGreaterThan(0);
    expect(numbered.map((path) => path.slice(4, 9))).toEqual(numbered.map((_, index) => `${String(index + 1).padStart(4, '0')}_`));
  });

  test('begins with the reason', () => {
    expect(numbered.filter((path) => !read(path).startsWith('-- '))).toEqual([]);
  });
});

describe('README.md', () => {
  test.runIf(existsSync(join(ROOT, 'README.md')))('has the tables of settings and errors as the code has them: npm run readme', () => {
    expect(read('README.md')).toBe(withReferenceTables(read('README.md')));
  });
});

test('bin/gbx and .ci/run can be run', () => {
  const modes = execFileSync('ls', ['-l', 'bin/gbx', '.ci/run'], { cwd: ROOT, encoding: 'utf8' }).trimEnd().split('\n');
  expect(modes.map((line) => line.slice(0, 4))).toEqual(['-rwx', '-rwx']);
});

describe('pages', () => {
  /** Of the root, with what names it. */
  const named = (paths: readonly string[], pattern: RegExp, from: (path: string) => string): string[] =>
    paths.flatMap((path) => [...read(path).matchAll(pattern)].map(([, target = '']) => `${join(from(path), target)} (${path})`));
  const isThere = (entry: string): boolean => FILES.includes(entry.replace(/ .*$/u, ''));

  test('that the program names are there', () => {
    const entries = named(below(/^(src|scripts)\//u), /\b(docs\/[\w./-]+\.(?:md|json))\b/gu, () => '');
    expect(entries.length).toBeGreaterThan(5);
    expect(entries.filter((entry) => !isThere(entry))).toEqual([]);
  });

  test('that pages link to are there', () => {
    const entries = named(below(/\.md$/u), /\]\(([\w./-]+)(?:#[\w-]*)?\)/gu, (path) => dirname(path));
    expect(entries.length).toBeGreaterThan(20);
    expect(entries.filter((entry) => !isThere(entry))).toEqual([]);
  });
});
