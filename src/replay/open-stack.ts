// What the actions of `gbx replay` work with: logs, the table where one is configured, the answer. Part of the command.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import type { FilterTexts } from '../core/replay/filter.ts';
import type { LetterPlace } from '../core/replay/look-at-letters.ts';
import type { ReplayTable } from '../core/replay/ports.ts';
import type { Logs } from '../core/verify/ports.ts';
import type { Reading } from '../core/verify/scan.ts';
import { openAdmin } from '../kafka/open-admin.ts';
import { openLogReader } from '../kafka/open-log-reader.ts';
import type { CommandContext } from '../run-command.ts';
import { createStepLine } from '../ui/step-line.ts';
import { openReader, type Reader } from '../warehouse/open-reader.ts';

export const CLIENT = { clientId: 'gbx-replay' };
const ROWS_PER_READ_MAX = 1_000_000;

export interface Stack extends AsyncDisposable {
  readonly logs: Logs;
  readonly clusterId: string;
  /** Undefined where no warehouse is configured. */
  readonly rows: Reader | undefined;
  readonly table: ReplayTable | undefined;
  readonly place: LetterPlace;
  readonly reading: Reading;
  readonly clearLine: () => void;
}

/** @throws {GbxError} GBX_KAFKA_UNREACHABLE, GBX_KAFKA_AUTH, GBX_KAFKA_TLS; the warehouse is connected to when it is asked */
export async function openStack(context: CommandContext): Promise<Stack> {
  const { config, clock, signal, stderr, options } = context;
  const kafka = kafkaConnection(context, CLIENT);
  const connection = config.dbHost === undefined ? undefined : warehouseConnection(context, CLIENT);
  const opened: AsyncDisposable[] = [];
  const line = createStepLine(stderr, { clock, isOn: stderr.isTty && options['json'] !== true });
  const close = async (): Promise<void> => {
    line.clear();
    for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
  };
  try {
    const admin = await openAdmin(kafka);
    opened.push(admin);
    const reader = await openLogReader(kafka);
    opened.push(reader);
    const rows = connection === undefined ? undefined : openReader(connection);
    if (rows !== undefined) opened.push(rows);
    const clusterId = await admin.clusterId();
    return {
      logs: {
        ranges: async (topic) => ((await admin.topicPartitions(topic)) === undefined ? undefined : admin.logRanges(topic)),
        offsetsAt: (topic, timestampMs) => admin.offsetsAtTimestamp(topic, timestampMs),
        read: (stretch, stop) => reader.read(stretch, stop),
      },
      clusterId,
      rows,
      table: rows && { rowsByIds: (ids, sinceMicros) => rows.byIds(ids, { sinceMicros, rowsMax: ROWS_PER_READ_MAX }) },
      place: { topic: config.deadLetterTopic, clusterId },
      reading: { signal, onProgress: line.show },
      clearLine: line.clear,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The document, or the same in words. */
export function answer(
  { stdout, options }: CommandContext,
  stack: Pick<Stack, 'clearLine'> | undefined,
  { document, text }: { document: object; text: () => string },
): void {
  stack?.clearLine();
  stdout.write(options['json'] === true ? `${JSON.stringify(document)}\n` : text());
}

const FILTERS = ['since', 'until', 'code', 'offset', 'key', 'experiment', 'origin'] as const;

/** The filters as they were typed. */
export function filterTexts(options: CommandContext['options']): FilterTexts {
  return Object.fromEntries(FILTERS.flatMap((name) => (typeof options[name] === 'string' ? [[name, options[name]]] : [])));
}

/** 0 is no limit. */
export function limitOf({ limit }: CommandContext['options'], standard: number): number {
  if (typeof limit !== 'number') return standard;
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}
