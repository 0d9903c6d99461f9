// `npm run readme`: writes the tables of settings and error codes into README.md, from the build.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, guarded, ROOT } from './bootstrap.mjs';

await guarded(() => bootstrap(['packages', 'build']));
const { withReferenceTables } = await import('../dist/core/reference-tables.js');
const file = join(ROOT, 'README.md');
writeFileSync(file, withReferenceTables(readFileSync(file, 'utf8')));
