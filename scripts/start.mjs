// `npm start`: makes sure of what is missing, then goes on as `gbx dev` in this very process, so that no signal is passed
// on twice (package.json says `exec`, or npm would signal a shell that keeps signals to itself). What stands after `--` goes to gbx dev.
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { BootstrapError, bootstrap, guarded } from './bootstrap.mjs';

function assertNotProduction() {
  if (process.env.NODE_ENV !== 'production') return;
  throw new BootstrapError('npm start runs a local stack, and NODE_ENV is production', {
    exitCode: 78,
    hint: 'use gbx serve and gbx consume',
  });
}

/** A broker that is configured is used: then nothing has to be fetched for one. */
function hasBroker() {
  const name = 'KAFKA_BOOTSTRAP_SERVERS';
  if (process.env[name]) return true;
  try {
    return Boolean(parseEnv(readFileSync('.env', 'utf8'))[name]);
  } catch {
    return false;
  }
}

/** npm killed outright passes no signal on: without it nobody is left to end this. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500);
  watch.unref();
}

await guarded(async () => {
  assertNotProduction();
  endWithNpm();
  const args = process.argv.slice(2);
  const withBroker = hasBroker() || args.some((arg) => arg.startsWith('--brokers'));
  await bootstrap(withBroker ? ['packages', 'build'] : ['packages', 'build', 'kafka']);
  process.argv.splice(2, process.argv.length, 'dev', ...args);
});
await import('../dist/cli.js');
