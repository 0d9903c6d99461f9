// `npm test`: makes sure of what is missing, then types, lint with import rules, dead code and all tests. Every check runs,
// also after one has failed, and the last lines say how each went. What stands after `--` goes to vitest.
import { join } from 'node:path';
import { bootstrap, guarded, ROOT, run, say } from './bootstrap.mjs';

const bin = (path) => join(ROOT, 'node_modules', path);
const CHECKS = [
  { name: 'types', args: [bin('typescript/bin/tsc')] },
  { name: 'lint', args: [bin('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '.'] },
  { name: 'dead code', args: [bin('knip/bin/knip.js')] },
  { name: 'tests', args: [bin('vitest/vitest.mjs'), 'run', ...process.argv.slice(2)] },
];

await guarded(() => bootstrap(['packages', 'build', 'kafka']));
const lines = [];
for (const { name, args } of CHECKS) {
  const startedAt = performance.now();
  const code = await run(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  lines.push(`${code === 0 ? '✓' : '✗'} ${name}, ${seconds} s${code === 0 ? '' : `, exit code ${code}`}`);
  if (code !== 0) process.exitCode = 1;
}
say(`\n${lines.join('\n')}`);
