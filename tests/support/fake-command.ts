// Runs the real bin/gbx with one command's module replaced from outside, by a loader hook: for what cli.ts promises
// about any command (signals, exit codes, errors), whatever the command is.
import { fileURLToPath } from 'node:url';
import { startProcess, type TestProcess } from './process.ts';

const GBX = fileURLToPath(new URL('../../bin/gbx', import.meta.url));

/** What the commands need before they start; nothing is there. */
const NEEDED = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:9', DB_HOST: '127.0.0.1', DB_USER: 'nobody' };

interface FakeCommand {
  /** Its name on the command line; what runs on and what answers once differ. */
  readonly name: 'serve' | 'smoke';
  /** Statements of `async function run({ stdout, stderr, signal, … })`. */
  readonly body: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function startFakeCommand({ name, body, flags = [], env = {} }: FakeCommand): Promise<TestProcess> {
  const fake = dataUrl(`export async function run({ stdout, stderr, signal, log }) { ${body} }`);
  const hook = dataUrl(`export async function resolve(specifier, context, next) {
    return specifier.endsWith('/commands/${name}.js') ? { url: ${JSON.stringify(fake)}, shortCircuit: true } : next(specifier, context);
  }`);
  const register = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(hook)});`);
  return startProcess(process.execPath, ['--import', register, GBX, name, ...flags], { env: { ...NEEDED, ...env } });
}

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
