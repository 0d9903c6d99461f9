// `gbx doctor`: is this deployment right, and where not, what to do. Asks the checks of core/doctor side by side, prints them
// in order as they come, and writes a bundle without secrets on demand. Runs although settings are wrong: it says so itself.
import { availableParallelism, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { formatBundle } from '../core/doctor/bundle.ts';
import { AREAS, type Area, type Check, type CheckResult } from '../core/doctor/check.ts';
import { kafkaChecks, namedTopics } from '../core/doctor/kafka-checks.ts';
import { configChecks, type LocalDeps, runtimeChecks, spoolChecks } from '../core/doctor/local-checks.ts';
import { clockChecks, pipelineChecks } from '../core/doctor/pipeline-checks.ts';
import type { KafkaProbe, MachineFacts, WarehouseProbe } from '../core/doctor/ports.ts';
import { formatResult, formatSummary, toDocument } from '../core/doctor/report.ts';
import { isBad, runChecks, selectArea } from '../core/doctor/run-checks.ts';
import { TOPIC_SETTINGS } from '../core/doctor/topic-judgements.ts';
import { warehouseChecks } from '../core/doctor/warehouse-checks.ts';
import { EXIT } from '../core/errors.ts';
import { parseMigrations } from '../core/migrate/migration.ts';
import { redact, secretTexts } from '../core/redact.ts';
import { readOpenFilesMax, readSpoolFacts, writeBundle } from '../files/doctor-files.ts';
import { readMigrationFiles } from '../files/read-migrations.ts';
import { openKafkaProbe } from '../kafka/doctor-probe.ts';
import { createNetwork } from '../network/create-network.ts';
import { readMetrics } from '../network/read-metrics.ts';
import type { CommandContext } from '../run-command.ts';
import { createStatePaint } from '../ui/paint-state.ts';
import { openWarehouseProbe } from '../warehouse/doctor-probe.ts';

const CHECK_TIMEOUT_MS = 5_000;

/** @returns 0 nothing failed, 1 something did, or with --strict is not known to be right. */
export async function run(context: CommandContext): Promise<number> {
  const { config, clock, signal, stdout, stderr, options, runtime } = context;
  const secrets = secretTexts(config);
  const isJson = options['json'] === true;
  const strict = options['strict'] === true;
  const paint = createStatePaint(stdout.hasColor === true);
  await using probes = openProbes(context);
  const checks = wantedChecks(context, probes);
  let previous: CheckResult | undefined;
  const results: CheckResult[] = [];
  await runChecks(checks, {
    clock,
    timeoutMs: CHECK_TIMEOUT_MS,
    signal,
    onResult: (result) => {
      const shown = withoutSecrets(result, secrets);
      results.push(shown);
      if (!isJson) stdout.write(formatResult(shown, previous, paint));
      previous = shown;
    },
  });
  const healthy = !isBad(results, { strict });
  const document = toDocument(results, { healthy, version: runtime.version, nowMs: clock.now() });
  stdout.write(isJson ? `${JSON.stringify(document)}\n` : formatSummary(results));
  const { bundle } = options;
  if (typeof bundle === 'string') {
    const { sources, problems, warnings } = context;
    const metrics: Parameters<typeof formatBundle>[0]['readMetrics'] = (address) => readMetrics(address, clock, signal);
    const facts = { config, sources, problems, warnings, runtime: { ...runtime }, document };
    await writeBundle(bundle, await formatBundle({ ...facts, warehouse: probes.warehouse, readMetrics: metrics }));
    stderr.write(`written: ${bundle}\n`);
  }
  return healthy ? EXIT.done : EXIT.no;
}

function withoutSecrets(result: CheckResult, secrets: readonly string[]): CheckResult {
  const { found, todo } = result;
  return { ...result, found: redact(found, secrets), ...(todo === undefined ? {} : { todo: redact(todo, secrets) }) };
}

interface Probes extends AsyncDisposable {
  readonly kafka: () => KafkaProbe;
  readonly warehouse: () => WarehouseProbe;
}

/** Made at the first question, which may fail for a setting that is wrong, and once. */
function openProbes(context: CommandContext): Probes {
  const opened: AsyncDisposable[] = [];
  const named = { clientId: 'gbx-doctor' };
  const quiet = { ...context, log: QUIET };
  const once = <T extends AsyncDisposable>(open: () => T): (() => T) => {
    let known: T | undefined;
    return () => {
      if (known === undefined) {
        known = open();
        opened.push(known);
      }
      return known;
    };
  };
  const topics = namedTopics(context.config).map(({ topic }) => topic);
  const migrations = async () => parseMigrations(await readMigrationFiles());
  return {
    kafka: once(() => openKafkaProbe(kafkaConnection(quiet, named), { topics, settings: TOPIC_SETTINGS })),
    warehouse: once(() => openWarehouseProbe(warehouseConnection(quiet, named), { migrations })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((probe) => probe[Symbol.asyncDispose]()));
    },
  };
}

const silent = (): void => undefined;
/** What clients log on their way is what the checks say in their own words. */
const QUIET = { error: silent, warn: silent, info: silent, debug: silent };

function wantedChecks(context: CommandContext, { kafka, warehouse }: Probes): readonly Check[] {
  const { config, problems, warnings, clock, options } = context;
  const network = createNetwork();
  const local: LocalDeps = {
    config,
    problems,
    warnings,
    machine: () => machineFacts(context),
    spool: readSpoolFacts,
    assertConnections: { kafka: () => void kafka(), warehouse: () => void warehouse() },
  };
  const all = [
    ...runtimeChecks(local),
    ...configChecks(local),
    ...kafkaChecks({ config, clock, network, kafka }),
    ...warehouseChecks({ config, clock, network, warehouse }),
    ...pipelineChecks({ config, clock, kafka, warehouse }),
    ...clockChecks({ config, clock, kafka, warehouse }),
    ...spoolChecks(local),
  ];
  const only = AREAS.find((area): area is Area => area === options['only']);
  return only === undefined ? all : selectArea(all, only);
}

function machineFacts({ runtime }: CommandContext): MachineFacts {
  return {
    node: runtime.node,
    memoryBytesMax: Math.min(totalmem(), runtime.memoryBytesMax ?? Number.POSITIVE_INFINITY),
    heapBytesMax: getHeapStatistics().heap_size_limit,
    cores: availableParallelism(),
    openFilesMax: readOpenFilesMax(),
  };
}
