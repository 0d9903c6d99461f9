// Finds Java and Maven, which the local Kafka needs, and says every way to go on where they are missing.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { GbxError } from '../core/errors.ts';

const JAVA_MAJOR_MIN = 17;
const run = promisify(execFile);

export interface Java {
  /** The program to start: from JAVA_HOME, else from PATH. */
  readonly command: string;
  /** What `java -version` prints: two builds never print the same. */
  readonly version: string;
}

/** @throws {GbxError} GBX_LOCAL_STACK, naming all that is missing, when there is no Java 17 or (where wanted) no Maven */
export async function findJava({ maven }: { readonly maven: boolean }): Promise<Java> {
  const home = process.env['JAVA_HOME'];
  const command = home ? join(home, 'bin', 'java') : 'java';
  const [version, mavenFound] = await Promise.all([firstOutput(command, ['-version']), maven ? firstOutput('mvn', ['--version']) : '']);
  const major = version === undefined ? undefined : parseJavaMajor(version);
  const missing = [
    javaProblem(command, version, major),
    maven && mavenFound === undefined ? 'Maven is not installed (no `mvn` on PATH)' : undefined,
  ];
  const problems = missing.filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new GbxError('GBX_LOCAL_STACK', `Cannot start Kafka: ${problems.join(', and ')}`, { hint: WAYS_ON });
  return { command, version: version ?? '' };
}

const WAYS_ON = [
  'one of these:',
  '  install Java and Maven      Debian, Ubuntu: apt-get install openjdk-17-jre-headless maven     macOS: brew install openjdk@17 maven',
  '  use a Kafka that you have   KAFKA_BOOTSTRAP_SERVERS=localhost:9092 npm start',
].join('\n');

function javaProblem(command: string, version: string | undefined, major: number | undefined): string | undefined {
  if (version === undefined)
    return command === 'java'
      ? 'Java 17 or newer is not installed (no `java` on PATH)'
      : `JAVA_HOME names no Java (${command} does not start)`;
  if (major === undefined || major < JAVA_MAJOR_MIN) return `Java 17 or newer is needed, ${command} is ${major ?? 'of an unknown version'}`;
  return undefined;
}

/** The major version in what `java -version` prints: 17 of `openjdk version "17.0.15"`, 8 of `java version "1.8.0_392"`. */
export function parseJavaMajor(output: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(output);
  if (!match) return undefined;
  const first = Number(match[1]);
  return first === 1 ? Number(match[2]) : first;
}

/** What the program prints, or undefined where it cannot be started. */
async function firstOutput(command: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: 30_000 });
    return `${stderr}${stdout}`.trim();
  } catch {
    return undefined;
  }
}
