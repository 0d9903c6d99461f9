// `gbx find`: for whoever is asked where an exposure went. Opens what is configured, asks core/find, prints the answer. What is
// configured and away is left out, and is an error only where the answer depends on it.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { EXIT, GbxError } from '../core/errors.ts';
import { exitCodeOf, toFindDocument } from '../core/find/document.ts';
import { type FindReport, find } from '../core/find/find.ts';
import { formatFindReport } from '../core/find/format-report.ts';
import type { FindLogs, FindPlan, FindWarehouse, Part, SpoolFolder, Wanted } from '../core/find/ports.ts';
import { isInconclusive } from '../core/find/verdict.ts';
import { parsePlace } from '../core/verify/range.ts';
import { checksum, openSpoolFolder } from '../files/spool-disk.ts';
import { type KafkaAdmin, openAdmin } from '../kafka/open-admin.ts';
import { type LogReader, openLogReader } from '../kafka/open-log-reader.ts';
import { partitionOfKey } from '../kafka/partitioner.ts';
import type { CommandContext } from '../run-command.ts';
import { createStepLine } from '../ui/step-line.ts';
import { openReader } from '../warehouse/open-reader.ts';

const CLIENT = { clientId: 'gbx-find' };
const LIMIT_MAX = 1_000;

/** @returns 0 found, 1 not found, doubled or missing. @throws {GbxError} where it could not be answered */
export async function run(context: CommandContext): Promise<number> {
  const { options, clock, signal, stdout, stderr } = context;
  const isJson = options['json'] === true;
  const plan = readPlan(context);
  assertConfigured(context);
  await using kafka = await openKafkaPart(context);
  await using warehouse = openWarehousePart(context);
  const spool = await openSpoolPart(context);
  const line = createStepLine(stderr, { clock, isOn: stderr.isTty && !isJson });
  try {
    const report = await find(plan, { spool, kafka: kafka.part, warehouse: warehouse.part, clock, signal, onProgress: line.show });
    line.clear();
    // What ends it says so, and cli.ts gives the exit code of the signal.
    if (report.kind === 'interrupted') return EXIT.done;
    assertAnswered(plan, report);
    const shown = { isContentShown: options['showContent'] === true };
    stdout.write(isJson ? `${JSON.stringify(toFindDocument(plan, report, shown))}\n` : formatFindReport(plan, report, shown));
    const exitCode = exitCodeOf(report);
    return exitCode;
  } finally {
    line.clear();
  }
}

/** @throws {GbxError} GBX_USAGE */
function readPlan({ config, options, args, clock }: CommandContext): FindPlan {
  const wanted = readWanted(args[0], { user: textOf(options['user']), experiment: textOf(options['experiment']) });
  const since = textOf(options['since']);
  const user = textOf(options['user']);
  const limit = Number(options['limit']);
  if (limit > LIMIT_MAX) throw new GbxError('GBX_USAGE', `Cannot list ${limit} exposures: --limit is ${LIMIT_MAX} at most`);
  if (user === undefined && options['allPartitions'] === true) {
    throw new GbxError('GBX_USAGE', 'Cannot take --all-partitions without --user: all are looked at', { hint: 'leave it out' });
  }
  const { kafkaTopic: topic, retryTopic, deadLetterTopic, consumerGroup: group } = config;
  return {
    ...{ wanted, topic, deadLetterTopic, group, limit },
    retryTopic: retryTopic === topic ? undefined : retryTopic,
    partitionKey: options['allPartitions'] === true ? undefined : user,
    since: since === undefined ? undefined : parsePlace(since, { flag: '--since', nowMs: clock.now() }),
  };
}

function readWanted(
  exposureId: string | undefined,
  { user, experiment }: { readonly user: string | undefined; readonly experiment: string | undefined },
): Wanted {
  const hint = 'gbx find <exposure_id>, gbx find --user <id>, or gbx find --experiment <key>';
  if ([exposureId, user, experiment].includes('')) throw new GbxError('GBX_USAGE', 'Cannot find what is an empty text', { hint });
  if (exposureId !== undefined) {
    if (experiment !== undefined) throw new GbxError('GBX_USAGE', 'Cannot take an exposure id and --experiment at once', { hint });
    return { kind: 'id', exposureId };
  }
  if (user === undefined && experiment === undefined) throw new GbxError('GBX_USAGE', 'Cannot tell what to find', { hint });
  return { kind: 'who', dsUserId: user, experimentId: experiment };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function assertConfigured({ config: { kafkaBootstrapServers, dbHost, dbUser, spoolDir } }: CommandContext): void {
  const hasWarehouse = dbHost !== undefined && dbUser !== undefined;
  if (kafkaBootstrapServers !== undefined || hasWarehouse || spoolDir !== undefined) return;
  throw new GbxError('GBX_CONFIG', 'Cannot look anywhere as neither Kafka nor a warehouse nor a spool is configured', {
    hint: 'set KAFKA_BOOTSTRAP_SERVERS, or DB_HOST and DB_USER, or GBX_SPOOL_DIR; see `gbx config explain`',
  });
}

interface OpenPart<T> extends AsyncDisposable {
  readonly part: Part<T>;
}

const NOTHING_TO_CLOSE = { [Symbol.asyncDispose]: async (): Promise<void> => undefined };

async function openKafkaPart(context: CommandContext): Promise<OpenPart<FindLogs>> {
  if (context.config.kafkaBootstrapServers === undefined) {
    return { part: { kind: 'absent', reason: 'KAFKA_BOOTSTRAP_SERVERS is not set' }, ...NOTHING_TO_CLOSE };
  }
  const connection = kafkaConnection(context, CLIENT);
  let admin: KafkaAdmin | undefined;
  try {
    admin = await openAdmin(connection);
    const reader = await openLogReader(connection);
    const close = async (opened: KafkaAdmin): Promise<void> => {
      await reader[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    };
    const opened = admin;
    return { part: { kind: 'open', it: logsOf(opened, reader) }, [Symbol.asyncDispose]: () => close(opened) };
  } catch (error) {
    await admin?.[Symbol.asyncDispose]();
    if (!(error instanceof GbxError)) throw error;
    return { part: { kind: 'failed', error }, ...NOTHING_TO_CLOSE };
  }
}

function logsOf(admin: KafkaAdmin, reader: LogReader): FindLogs {
  return {
    clusterId: () => admin.clusterId(),
    ranges: async (topic) => ((await admin.topicPartitions(topic)) === undefined ? undefined : admin.logRanges(topic)),
    offsetsAt: (topic, timestampMs) => admin.offsetsAtTimestamp(topic, timestampMs),
    committedOffsets: (group, topic) => admin.committedOffsets(group, topic),
    partitionOf: partitionOfKey,
    read: (stretch, signal) => reader.read(stretch, signal),
  };
}

/** Nothing is connected before the first question. */
function openWarehousePart(context: CommandContext): OpenPart<FindWarehouse> {
  const { dbHost, dbUser } = context.config;
  if (dbHost === undefined || dbUser === undefined) {
    const reason = `${dbHost === undefined ? 'DB_HOST' : 'DB_USER'} is not set`;
    return { part: { kind: 'absent', reason }, ...NOTHING_TO_CLOSE };
  }
  const reader = openReader(warehouseConnection(context, CLIENT));
  return { part: { kind: 'open', it: reader }, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
}

async function openSpoolPart({ config: { spoolDir }, sources }: CommandContext): Promise<Part<SpoolFolder>> {
  if (spoolDir === undefined) return { kind: 'absent', reason: 'GBX_SPOOL_DIR is not set; the spools of serve are on its machines' };
  try {
    const disk = await openSpoolFolder({ path: spoolDir, from: `GBX_SPOOL_DIR (${sources.spoolDir})` }, { isMade: false });
    return { kind: 'open', it: { disk, checksum } };
  } catch (error) {
    if (!(error instanceof GbxError)) throw error;
    const isNone = error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ENOENT';
    return isNone ? { kind: 'absent', reason: `there is no folder ${spoolDir} on this machine` } : { kind: 'failed', error };
  }
}

/** An exposure that was not found may be in the part that could not be asked. @throws {GbxError} why it could not */
function assertAnswered({ wanted }: FindPlan, { exposures, failures }: FindReport): void {
  const [failure] = failures.values();
  const isOpen = exposures.length === 0 || exposures.some(({ verdict }) => isInconclusive(verdict.state));
  if (failure === undefined || !isOpen) return;
  const what = wanted.kind === 'id' ? `where ${wanted.exposureId} is` : 'which exposures there are';
  throw new GbxError(failure.code, `Cannot tell ${what}: ${failure.message}`, { cause: failure.cause, hint: failure.hint });
}
