// `gbx verify`: for operators and CI. Opens what it reads, asks core/verify, prints the answer.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { EXIT, GbxError } from '../core/errors.ts';
import type { ManifestHead } from '../core/traffic/manifest.ts';
import { toVerifyDocument } from '../core/verify/document.ts';
import type { VerifyPlan } from '../core/verify/plan.ts';
import type { Logs, VerifyWarehouse } from '../core/verify/ports.ts';
import { type Place, parsePlace } from '../core/verify/range.ts';
import { type OnProgress, scanManifest } from '../core/verify/scan.ts';
import { verify } from '../core/verify/verify.ts';
import { assertManifestFile, readManifestLines } from '../files/read-manifest.ts';
import { type KafkaAdmin, openAdmin } from '../kafka/open-admin.ts';
import { type LogReader, openLogReader } from '../kafka/open-log-reader.ts';
import type { CommandContext } from '../run-command.ts';
import { createStepLine } from '../ui/step-line.ts';
import { formatVerifyReport } from '../ui/verify-report.ts';
import type { WarehouseConnection } from '../warehouse/connection.ts';
import { openReader, type Reader } from '../warehouse/open-reader.ts';
import { openSnapshot } from '../warehouse/open-snapshot.ts';

const CLIENT = { clientId: 'gbx-verify' };

/** @returns 0 exact, 1 not. @throws {GbxError} where it could not be answered */
export async function run(context: CommandContext): Promise<number> {
  const { options, clock, signal, stdout, stderr } = context;
  const isJson = options['json'] === true;
  const asked = readOptions(context);
  const line = createStepLine(stderr, { clock, isOn: stderr.isTty && !isJson });
  try {
    // A file that cannot be is told of whether Kafka is there or not.
    const manifestHead = await readManifest(context, line.show);
    const kafka = kafkaConnection(context, CLIENT);
    const warehouse = warehouseConnection(context, CLIENT);
    await using admin = await openAdmin(kafka);
    await using reader = await openLogReader(kafka);
    await using rows = openReader(warehouse);
    const plan = { ...asked, manifestHead, scope: { ...asked.scope, clusterId: await admin.clusterId() } };
    const deps = { logs: logsOf(admin, reader), warehouse: warehouseOf(rows, warehouse), clock, signal, onProgress: line.show };
    const result = await verify(plan, deps);
    line.clear();
    // What ends it says so, and cli.ts gives the exit code of the signal.
    if (result.kind === 'interrupted') return EXIT.done;
    const document = toVerifyDocument(plan, result);
    stdout.write(isJson ? `${JSON.stringify(document)}\n` : formatVerifyReport(plan, result));
    return result.isExact ? EXIT.done : EXIT.no;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return EXIT.done;
    throw error;
  } finally {
    line.clear();
  }
}

/** Reads it whole. @returns undefined without one. @throws {GbxError} GBX_USAGE that names the file */
async function readManifest({ options, signal }: CommandContext, onProgress: OnProgress): Promise<ManifestHead | undefined> {
  const path = options['manifest'];
  if (typeof path !== 'string') return undefined;
  await assertManifestFile(path);
  return await scanManifest(readManifestLines(path), { path, signal, onProgress, onSent: () => undefined });
}

/** All of the plan but the cluster, which only the brokers know. @throws {GbxError} GBX_USAGE */
function readOptions({ config, options, clock }: CommandContext): VerifyPlan {
  const place = (name: 'from' | 'to'): Place | undefined => {
    const text = options[name];
    return typeof text === 'string' ? parsePlace(text, { flag: `--${name}`, nowMs: clock.now() }) : undefined;
  };
  const [from, to] = [place('from'), place('to')];
  const path = typeof options['manifest'] === 'string' ? options['manifest'] : undefined;
  if (path !== undefined && (from ?? to) !== undefined) {
    throw new GbxError('GBX_USAGE', 'Cannot verify a manifest and a range at once', { hint: 'leave --from and --to out' });
  }
  const { retryTopic } = config;
  return {
    scope: { clusterId: '', group: config.consumerGroup, topic: config.kafkaTopic },
    deadLetterTopic: config.deadLetterTopic,
    retryTopic: retryTopic === config.kafkaTopic ? undefined : retryTopic,
    ...{ from, to },
    manifest: path === undefined ? undefined : () => readManifestLines(path),
    idsMax: Number(options['ids']),
  };
}

function logsOf(admin: KafkaAdmin, reader: LogReader): Logs {
  return {
    ranges: async (topic) => ((await admin.topicPartitions(topic)) === undefined ? undefined : admin.logRanges(topic)),
    offsetsAt: (topic, timestampMs) => admin.offsetsAtTimestamp(topic, timestampMs),
    read: (stretch, signal) => reader.read(stretch, signal),
  };
}

function warehouseOf(reader: Reader, connection: WarehouseConnection): VerifyWarehouse {
  return {
    readLedger: (scope) => reader.readLedger(scope),
    ledgerScopes: () => reader.ledgerScopes(),
    openSnapshot: () => openSnapshot(connection),
  };
}
