// The list of guards fits the tree: so a change to a guard's line is seen at once, not in the next long run of `npm run mutations`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LISTS, MUTANTS } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('each guard has a name of its own, a place of its own in its file, and tests', () => {
  const unfit = MUTANTS.filter(({ file, find, replace }) => {
    const places = readFileSync(join(ROOT, file), 'utf8').split(find).length - 1;
    return places !== 1 || find === replace;
  });
  expect(unfit.map(({ guard, file }) => `${file}: ${guard}`)).toEqual([]);
  expect(MUTANTS.flatMap(({ tests }) => tests).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(MUTANTS.filter(({ tests }) => tests.length === 0)).toEqual([]);
  expect(new Set(MUTANTS.map(({ guard }) => guard)).size).toBe(MUTANTS.length);
});

test('docs/reliability.md says how many guards there are, and in which list', () => {
  const docs = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');
  const rows = [...docs.matchAll(/^\| .* \| (\d+) \| ([a-z]+-mutants) \|/gmu)].map(([, count, list]) => `${list} ${count}`);
  expect(rows).toEqual(Object.entries(LISTS).map(([name, mutants]) => `${name} ${mutants.length}`));
  expect(docs).toContain(`${MUTANTS.length} guards`);
});
