// The checks of `gbx doctor` that need no server: what runs gbx, whether its settings are right, and the spool's folder.
import type { Config } from '../config.ts';
import type { ConfigProblem } from '../parse-config.ts';
import { bytesText, type Check, type Finding, fail, ok, plural, unknown, unused, warn } from './check.ts';
import type { MachineFacts, SpoolFacts } from './ports.ts';

/** engines.node of package.json. */
const NODE_MIN = [20, 19] as const;
/** Of the memory that batches take at most, beside some 120 MB for the program itself (bench/README.md). */
const PROGRAM_BYTES = 160_000_000;
/** A batch is there as Kafka's bytes, as exposures and as the statement that loads it, and two of them at a time. */
const COPIES = 6;
/** A listening serve takes one for each connection. */
const OPEN_FILES_MIN = 1024;

export interface LocalDeps {
  readonly config: Config;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
  readonly machine: () => MachineFacts;
  /** @param dir of the spool; undefined where there is nothing */
  readonly spool: (dir: string) => Promise<SpoolFacts | undefined>;
  /** Reads what a connection needs beside the settings: its certificate files. @throws {GbxError} */
  readonly assertConnections: { readonly kafka: () => void; readonly warehouse: () => void };
}

export function runtimeChecks({ machine, config }: LocalDeps): readonly Check[] {
  const check = (name: string, judge: (facts: MachineFacts) => Finding): Check => ({
    id: `runtime.${name}`,
    area: 'runtime',
    needs: [],
    ask: async () => judge(machine()),
  });
  return [
    check('node', judgeNode),
    check('memory', (facts) => judgeMemory(facts, config.batchBytesMax)),
    check('cores', ({ cores }) => ok(plural(cores, 'core'))),
    check('files', judgeOpenFiles),
  ];
}

export function judgeNode({ node }: Pick<MachineFacts, 'node'>): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return ok(`Node ${node}`);
  return fail(`Node ${node} is too old`, `run gbx with Node ${NODE_MIN.join('.')} or newer`);
}

export function judgeMemory(facts: Pick<MachineFacts, 'memoryBytesMax' | 'heapBytesMax'>, batchBytesMax: number): Finding {
  const wanted = PROGRAM_BYTES + COPIES * batchBytesMax;
  const found = `${bytesText(facts.memoryBytesMax)}, of which JavaScript may take ${bytesText(facts.heapBytesMax)}`;
  if (Math.min(facts.memoryBytesMax, facts.heapBytesMax) >= wanted) return ok(found);
  return warn(
    `${found}; batches of ${bytesText(batchBytesMax)} can need ${bytesText(wanted)}`,
    'give the process more memory, or lower GBX_BATCH_BYTES_MAX',
  );
}

export function judgeOpenFiles({ openFilesMax }: Pick<MachineFacts, 'openFilesMax'>): Finding {
  if (openFilesMax === undefined) return unknown('this system does not tell how many files a process may open');
  const found = Number.isFinite(openFilesMax) ? `${openFilesMax} open files and connections` : 'any number of open files and connections';
  if (openFilesMax >= OPEN_FILES_MIN) return ok(found);
  return warn(
    `only ${found}`,
    `raise the limit to ${OPEN_FILES_MIN} or more: ulimit -n, LimitNOFILE= of systemd, ulimits of the container`,
  );
}

export function configChecks({ config, problems, warnings, assertConnections }: LocalDeps): readonly Check[] {
  const check = (name: string, ask: Check['ask']): Check => ({ id: `config.${name}`, area: 'config', needs: [], ask });
  return [
    check('values', async () => judgeValues(problems)),
    check('names', async () => judgeNames(warnings)),
    check('kafka', async () => {
      assertConnections.kafka();
      return ok(`brokers ${(config.kafkaBootstrapServers ?? []).join(', ')}, topic ${config.kafkaTopic}, group ${config.consumerGroup}`);
    }),
    check('warehouse', async () => {
      assertConnections.warehouse();
      return ok(
        `${config.dbUser}@${config.dbHost}:${config.dbPort}/${config.dbName}${config.dbPassword === undefined ? ', no password' : ''}`,
      );
    }),
  ];
}

function judgeValues(problems: readonly ConfigProblem[]): Finding {
  if (problems.length === 0) return ok('every setting is right');
  const found = problems.map(({ name, source, message }) => `${name} (${source}): ${message}`).join('; ');
  return fail(found, 'see every setting and its source: gbx config explain');
}

function judgeNames(warnings: readonly string[]): Finding {
  if (warnings.length === 0) return ok('no name that looks like a setting and is none');
  return warn(warnings.join('; '), 'correct the name, or take it away');
}

export function spoolChecks({ config, spool }: LocalDeps): readonly Check[] {
  const { spoolDir: dir, spoolBytesMax } = config;
  const check = (name: string, needs: readonly string[], judge: (facts: SpoolFacts | undefined) => Finding): Check => ({
    id: `spool.${name}`,
    area: 'spool',
    needs,
    ask: async () => (dir === undefined ? unused('GBX_SPOOL_DIR is not set: serve waits for the brokers') : judge(await spool(dir))),
  });
  return [
    check('folder', [], (facts) => judgeFolder(facts, dir ?? '')),
    check('space', ['spool.folder'], (facts) => judgeSpace(facts, spoolBytesMax)),
    check('left', ['spool.folder'], judgeLeft),
    check('set_aside', ['spool.folder'], judgeSetAside),
  ];
}

export function judgeFolder(facts: SpoolFacts | undefined, dir: string): Finding {
  const todo = 'make a folder there that belongs to the user who runs gbx serve, on a disk that survives a restart';
  if (facts === undefined) return fail(`${dir} is not there`, todo);
  if (!facts.isFolder) return fail(`${dir} is no folder`, todo);
  return facts.isWritable ? ok(`${dir} can be written to`) : fail(`${dir} cannot be written to by this user`, todo);
}

export function judgeSpace(facts: SpoolFacts | undefined, bytesMax: number): Finding {
  if (facts === undefined) return unknown('the folder is gone');
  const room = facts.freeBytes + facts.bytes;
  const found = `${bytesText(facts.freeBytes)} free, the spool may take ${bytesText(bytesMax)}`;
  if (room >= bytesMax) return ok(found);
  return warn(found, 'make room on the disk, or lower GBX_SPOOL_BYTES_MAX: a full disk is answered with 503');
}

export function judgeLeft(facts: SpoolFacts | undefined): Finding {
  if (facts === undefined || facts.bytes === 0) return ok('nothing waits for Kafka');
  const found = `${bytesText(facts.bytes)} in ${plural(facts.files, 'file')} wait for Kafka`;
  return warn(found, 'if no gbx serve runs on this folder, start one: it sends what is left');
}

export function judgeSetAside(facts: SpoolFacts | undefined): Finding {
  if (facts === undefined || facts.setAside === 0) return ok('nothing was refused or damaged');
  return warn(
    `${plural(facts.setAside, 'file')} of records that Kafka refused or that are damaged`,
    'look into refused/ and damaged/ of the folder: docs/spool.md',
  );
}
