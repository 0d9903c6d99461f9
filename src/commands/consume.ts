// gbx consume: loads the topic into the warehouse until a signal ends it (docs/delivery.md). Opens the adapters, hands them to
// core/load, and shows health and metrics on the admin port.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { asGbxError, EXIT, GbxError } from '../core/errors.ts';
import { decodeRecord } from '../core/exposure/decode.ts';
import { type Circuit, createCircuit } from '../core/load/circuit.ts';
import { runLoad } from '../core/load/load.ts';
import type { LoadOptions, LoadStatus } from '../core/load/loop.ts';
import { executeReset, parseResetTarget, planReset, type ResetBroker, type ResetTarget } from '../core/load/reset-ledger.ts';
import { untilReached } from '../core/retry.ts';
import type { HealthChecks } from '../http/health-routes.ts';
import { openAdminServer } from '../http/open-admin-server.ts';
import { createDeadLetterWriter } from '../kafka/dead-letters.ts';
import { moveGroup } from '../kafka/move-group.ts';
import { openAdmin } from '../kafka/open-admin.ts';
import { openProducer } from '../kafka/open-producer.ts';
import { openSource } from '../kafka/open-source.ts';
import type { CommandContext } from '../run-command.ts';
import { createMetrics } from '../telemetry/create-metrics.ts';
import { openWarehouse } from '../warehouse/open-warehouse.ts';

/** Others may start beside this process, the brokers among them. */
const START_WAIT_MS = 60_000;
/** On top of what a flush may take: the group waits this long for a member that flushes. */
const REBALANCE_SPARE_MS = 60_000;

/** @throws {GbxError} as docs/delivery.md says; what was not committed is read again. */
export async function run(context: CommandContext): Promise<number> {
  const { resetLedger: target, execute } = context.options;
  if (typeof target === 'string') return resetLedger(context, parseResetTarget(target));
  if (execute === true) throw new GbxError('GBX_USAGE', 'Cannot take --execute alone: it belongs to --reset-ledger');
  try {
    return await load(context);
  } catch (error) {
    // Told to stop while it still waited for what it could not reach: there is nothing to finish.
    if (context.signal.aborted && asGbxError(error).failure === 'transient') return EXIT.done;
    throw error;
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
  await using admin = await openAdminServer({
    host: config.adminHost,
    port: config.adminPort,
    setting: { host: 'GBX_ADMIN_HOST', port: 'GBX_ADMIN_PORT' },
    readiness: () => readiness(status, circuit),
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
  await using producer = await untilReached(() => openProducer(kafka, { topics: [config.deadLetterTopic] }), patience);
  await using source = await untilReached(() => openSource(kafka, sourceOptions(context)), patience);
  const place = { clusterId: source.clusterId, topic: source.topic };
  const deps = {
    source,
    warehouse,
    writeDeadLetters: createDeadLetterWriter(producer, { topic: config.deadLetterTopic, sourceTopic: config.kafkaTopic, clock, random }),
    decode: (record: Parameters<typeof decodeRecord>[0]) => decodeRecord(record, place),
    newOwner: randomUUID,
    status,
    circuit,
    clock,
    log,
    metrics,
  };
  log.info('consume.started', { topic: source.topic, group: source.group, cluster: source.clusterId, admin: admin.url });
  const summary = await runLoad(deps, loadOptions(context), signal);
  log.info('consume.stopped', { ...summary });
  return EXIT.done;
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
    offsets: async () => {
      const committed = await admin.committedOffsets(group, topic);
      return (await admin.logRanges(topic)).map((range) => ({ ...range, committed: committed.get(range.partition) }));
    },
    commit: (positions) => moveGroup(kafka, { group, topic, positions }),
  };
  const scope = { clusterId: await admin.clusterId(), group, topic };
  const steps = await planReset({ warehouse, broker }, scope, target);
  for (const { partition, from, to } of steps) stdout.write(`${topic}/${partition}  ledger ${from ?? 'none'} -> ${to}\n`);
  if (options['execute'] !== true) {
    stdout.write('Nothing was changed. To do it, stop the consumers of the group and add --execute.\n');
    return EXIT.done;
  }
  await executeReset({ warehouse, broker }, steps, { scope, owner: randomUUID(), host: hostname(), nowMs: clock.now() });
  stdout.write('Done: the ledger and the group were moved.\n');
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

function loadOptions({ config }: CommandContext): LoadOptions {
  return {
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

function readiness({ partitions, isDraining }: LoadStatus, circuit: Circuit): HealthChecks {
  return {
    group: partitions === undefined ? { ok: false, message: 'no partitions claimed yet' } : { ok: true },
    warehouse: circuit.isOpen()
      ? { ok: false, message: 'the warehouse or the dead-letter topic does not take batches: see the log' }
      : { ok: true },
    running: isDraining ? { ok: false, message: 'draining' } : { ok: true },
  };
}
