// gbx consume: loads the topic into the warehouse until a signal ends it, or with --once until its end (docs/delivery.md). Opens
// the adapters, hands them to core/load, and shows health and metrics on the admin port. --dry-run and --reset-ledger are
// questions about the same ledger, answered without joining the group.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { asGbxError, EXIT, GbxError } from '../core/errors.ts';
import { decodeRecord } from '../core/exposure/decode.ts';
import { type Circuit, createCircuit } from '../core/load/circuit.ts';
import { planLoad } from '../core/load/dry-run.ts';
import { dryRunDocument, formatDryRun } from '../core/load/dry-run-report.ts';
import { runLoad } from '../core/load/load.ts';
import type { LoadOptions, LoadStatus } from '../core/load/loop.ts';
import type { PartitionOffsets } from '../core/load/ports.ts';
import { executeReset, parseResetTarget, planReset, type ResetBroker, type ResetTarget } from '../core/load/reset-ledger.ts';
import { superviseSource } from '../core/load/supervise.ts';
import { untilReached } from '../core/retry.ts';
import type { HealthChecks } from '../http/health-routes.ts';
import { openAdminServer } from '../http/open-admin-server.ts';
import type { KafkaConnection } from '../kafka/client.ts';
import { createDeadLetterWriter } from '../kafka/dead-letters.ts';
import { moveGroup } from '../kafka/move-group.ts';
import { type KafkaAdmin, openAdmin } from '../kafka/open-admin.ts';
import { openLogReader } from '../kafka/open-log-reader.ts';
import { openProducer } from '../kafka/open-producer.ts';
import { openSource } from '../kafka/open-source.ts';
import { createRequeuer } from '../kafka/requeue.ts';
import type { CommandContext } from '../run-command.ts';
import { createMetrics } from '../telemetry/create-metrics.ts';
import { openWarehouse } from '../warehouse/open-warehouse.ts';

/** Others may start beside this process, the brokers among them. */
const START_WAIT_MS = 60_000;
/** On top of what a flush may take: the group waits this long for a member that flushes. */
const REBALANCE_SPARE_MS = 60_000;
/** On top of that, from a client's start to its join: another member may be waited for all of it. */
const JOIN_SPARE_MS = 60_000;

/** Flags that say what to do; each alone. */
const WAYS = ['--once', '--dry-run', '--reset-ledger'] as const;
/** Flags that say how, with those they belong to. */
const BELONGS = { '--execute': ['--reset-ledger'], '--json': ['--dry-run', '--reset-ledger'] } as const;

/** @throws {GbxError} as docs/delivery.md says; what was not committed is read again. */
export async function run(context: CommandContext): Promise<number> {
  const { options } = context;
  assertFlags(options);
  if (typeof options['resetLedger'] === 'string') return resetLedger(context, parseResetTarget(options['resetLedger']));
  if (options['dryRun'] === true) return dryRun(context);
  try {
    return await load(context);
  } catch (error) {
    // Told to stop while it still waited for what it could not reach: there is nothing to finish.
    if (context.signal.aborted && asGbxError(error).failure === 'transient') return EXIT.done;
    throw error;
  }
}

/** @throws {GbxError} GBX_USAGE, naming both */
function assertFlags(options: CommandContext['options']): void {
  const isGiven = (flag: string): boolean =>
    options[flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())] !== undefined;
  const [first, second] = WAYS.filter(isGiven);
  if (first !== undefined && second !== undefined) throw new GbxError('GBX_USAGE', `Cannot take ${first} and ${second} together`);
  for (const [flag, owners] of Object.entries(BELONGS)) {
    if (!isGiven(flag) || owners.some(isGiven)) continue;
    throw new GbxError('GBX_USAGE', `Cannot take ${flag} alone: it belongs to ${owners.join(' or ')}`);
  }
  if (!isGiven('--dead-letter-up-to')) return;
  for (const flag of ['--dry-run', '--reset-ledger']) {
    if (isGiven(flag)) throw new GbxError('GBX_USAGE', `Cannot take --dead-letter-up-to and ${flag} together: ${flag} loads nothing`);
  }
}

async function load(context: CommandContext): Promise<number> {
  const { config, clock, random, log, signal } = context;
  const named = { clientId: 'gbx-consume' };
  const kafka = kafkaConnection(context, named);
  await using warehouse = openWarehouse(warehouseConnection(context, named));
  const metrics = createMetrics();
  const circuit = createCircuit({ clock, random, log, metrics });
  const status: LoadStatus = { partitions: undefined, isDraining: false };
  let isReading = (): boolean => true;
  await using admin = await openAdminServer({
    host: config.adminHost,
    port: config.adminPort,
    setting: { host: 'GBX_ADMIN_HOST', port: 'GBX_ADMIN_PORT' },
    readiness: () => readiness(status, { circuit, isReading: isReading() }),
    metrics,
    clock,
    log,
  });
  const patience = {
    clock,
    random,
    signal,
    forMs: START_WAIT_MS,
    onWait: (error: GbxError) => log.warn('kafka.waited_for', { code: error.code, reason: error.message }),
  };
  // The dead-letter topic must be there before the first record is read: what is invalid needs a place to go.
  const retryTopic = config.retryTopic ?? config.kafkaTopic;
  const topics = [...new Set([config.deadLetterTopic, retryTopic])];
  await using producer = await untilReached(() => openProducer(kafka, { topics }), patience);
  const ofSource = sourceOptions(context);
  const open = (): ReturnType<typeof openSource> => openSource(kafka, ofSource);
  const limits = { joinMs: ofSource.rebalanceTimeoutMs + JOIN_SPARE_MS };
  await using source = await untilReached(() => superviseSource({ open, clock, random, log, metrics, limits }), patience);
  isReading = source.isUp;
  const copies = { sourceTopic: config.kafkaTopic, clock, random };
  const place = { clusterId: source.clusterId, topic: source.topic };
  const deps = {
    source,
    warehouse,
    writeDeadLetters: createDeadLetterWriter(producer, { ...copies, topic: config.deadLetterTopic }),
    requeue: createRequeuer(producer, { ...copies, topic: retryTopic }),
    decode: (record: Parameters<typeof decodeRecord>[0]) => decodeRecord(record, place),
    newOwner: randomUUID,
    status,
    circuit,
    clock,
    random,
    log,
    metrics,
  };
  const retentionMs = await readRetention(kafka, context);
  log.info('consume.started', { topic: source.topic, group: source.group, cluster: source.clusterId, admin: admin.url });
  const summary = await runLoad(deps, { ...loadOptions(context), retentionMs }, signal);
  log.info('consume.stopped', { ...summary });
  return EXIT.done;
}

/** How long the topic keeps its records; undefined where that is for ever, or this login may not ask. */
async function readRetention(kafka: KafkaConnection, { config, log }: CommandContext): Promise<number | undefined> {
  try {
    await using admin = await openAdmin(kafka);
    const settings = await admin.topicConfig(config.kafkaTopic, ['retention.ms', 'cleanup.policy']);
    const retentionMs = Number(settings?.get('retention.ms') ?? -1);
    return retentionMs > 0 && settings?.get('cleanup.policy') !== 'compact' ? retentionMs : undefined;
  } catch (error) {
    log.warn('retention.unknown', { reason: asGbxError(error).message, missing: 'the warning before records expire' });
    return undefined;
  }
}

/** What loading would make of the records that wait; writes and commits nothing. */
async function dryRun(context: CommandContext): Promise<number> {
  const { config, clock, options, signal, stdout } = context;
  const { kafkaTopic: topic, consumerGroup: group, startFrom } = config;
  const named = { clientId: 'gbx-consume-dry-run' };
  const kafka = kafkaConnection(context, named);
  await using warehouse = openWarehouse(warehouseConnection(context, named));
  await using admin = await openAdmin(kafka);
  await using reader = await openLogReader(kafka);
  const scope = { clusterId: await admin.clusterId(), group, topic };
  const plan = await planLoad(
    {
      warehouse,
      offsets: () => partitionOffsets(admin, { group, topic }),
      read: reader.read,
      decode: (record) => decodeRecord(record, scope),
      now: clock.now,
    },
    { scope, startFrom, signal },
  );
  stdout.write(options['json'] === true ? `${JSON.stringify(dryRunDocument(plan, scope))}\n` : formatDryRun(plan, scope));
  return EXIT.done;
}

async function partitionOffsets(
  admin: KafkaAdmin,
  { group, topic }: { readonly group: string; readonly topic: string },
): Promise<readonly PartitionOffsets[]> {
  const committed = await admin.committedOffsets(group, topic);
  return (await admin.logRanges(topic)).map((range) => ({ ...range, committed: committed.get(range.partition) }));
}

/** Shows where the ledger would move; with --execute it does. */
async function resetLedger(context: CommandContext, target: ResetTarget): Promise<number> {
  const { config, clock, options, stdout } = context;
  const { kafkaTopic: topic, consumerGroup: group } = config;
  const named = { clientId: 'gbx-consume' };
  const kafka = kafkaConnection(context, named);
  await using warehouse = openWarehouse(warehouseConnection(context, named));
  await using admin = await openAdmin(kafka);
  const broker: ResetBroker = {
    offsets: () => partitionOffsets(admin, { group, topic }),
    commit: (positions) => moveGroup(kafka, { group, topic, positions }),
  };
  const scope = { clusterId: await admin.clusterId(), group, topic };
  const steps = (await planReset({ warehouse, broker }, scope, target)).sort((a, b) => a.partition - b.partition);
  const isJson = options['json'] === true;
  const executed = options['execute'] === true;
  const say = (line: string): void => {
    if (!isJson) stdout.write(`${line}\n`);
  };
  for (const { partition, from, to } of steps) say(`${topic}/${partition}  ledger ${from ?? 'none'} -> ${to}`);
  if (executed) await executeReset({ warehouse, broker }, steps, { scope, owner: randomUUID(), host: hostname(), nowMs: clock.now() });
  say(
    executed
      ? 'Done: the ledger and the group were moved.'
      : 'Nothing was changed. To do it, stop the consumers of the group and add --execute.',
  );
  if (isJson) {
    const partitions = steps.map(({ partition, from, to }) => ({
      partition,
      from: from === undefined ? null : String(from),
      to: String(to),
    }));
    stdout.write(`${JSON.stringify({ schema: 'gbx.reset-ledger/1', topic, group, executed, partitions })}\n`);
  }
  return EXIT.done;
}

function sourceOptions({ config }: CommandContext): Parameters<typeof openSource>[1] {
  const { kafkaTopic, consumerGroup, sessionTimeoutSeconds, lockTimeoutSeconds, statementTimeoutSeconds, batchBytesMax } = config;
  return {
    topic: kafkaTopic,
    group: consumerGroup,
    sessionTimeoutMs: sessionTimeoutSeconds * 1000,
    rebalanceTimeoutMs: (lockTimeoutSeconds + statementTimeoutSeconds) * 1000 + REBALANCE_SPARE_MS,
    // The batches hold the rest: this only bridges the time between two fetches.
    bufferBytesMax: batchBytesMax / 4,
  };
}

function loadOptions({ config, options }: CommandContext): LoadOptions {
  return {
    retry: { max: config.maxRetries, backoffMs: config.retryBackoffMs },
    once: options['once'] === true,
    deadLetterUpTo: Number(options['deadLetterUpTo'] ?? 0),
    policy: {
      rowsDue: config.batchSize,
      ageDueMs: config.batchTimeoutSeconds * 1000,
      rowsMax: config.batchRowsMax,
      bytesMax: config.batchBytesMax,
    },
    host: hostname(),
    startFrom: config.startFrom,
    drainTimeoutMs: config.drainTimeoutSeconds * 1000,
  };
}

function readiness(
  { partitions, isDraining }: LoadStatus,
  { circuit, isReading }: { readonly circuit: Circuit; readonly isReading: boolean },
): HealthChecks {
  const notReading = isReading ? undefined : 'the Kafka client has not joined its group: it is new, or died and is made anew: see the log';
  const groupTrouble = partitions === undefined ? 'no partitions claimed yet' : notReading;
  return {
    group: groupTrouble === undefined ? { ok: true } : { ok: false, message: groupTrouble },
    warehouse: circuit.isOpen()
      ? { ok: false, message: 'the warehouse or the dead-letter topic does not take batches: see the log' }
      : { ok: true },
    running: isDraining ? { ok: false, message: 'draining' } : { ok: true },
  };
}
