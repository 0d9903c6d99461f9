// A record of the dead-letter topic as replay sees it: where it was first written, why it was given up, how often it has been
// replayed, and whether it would be an exposure if it were loaded now. Called for every record of the topic.
import { type Decoded, decodeRecord } from '../exposure/decode.ts';
import type { HeaderValue, LogRecord } from '../exposure/exposure.ts';
import { HEADERS } from '../exposure/header-names.ts';
import { formatOrigin, type RecordOrigin } from '../exposure/origin.ts';
import { isJsonObject } from '../exposure/validate.ts';
import { type FailureFacts, readFailure } from './dialects.ts';

export interface Letter extends Omit<FailureFacts, 'origin' | 'failedAtMs'> {
  /** Where it stands in the dead-letter topic. */
  readonly partition: number;
  readonly offset: bigint;
  readonly origin: RecordOrigin;
  /** The last time; of others than gbx, when it was written here. Milliseconds since the Unix epoch. */
  readonly failedAtMs: number;
  readonly retryCount: number;
  readonly replayCount: number;
  readonly replayId: string | undefined;
}

const COUNT = /^(?:0|[1-9]\d{0,3})$/;
const REPLAY_ID = /^[\w.-]{1,64}$/;

/** @param topic the dead-letter topic: the origin of a record whose headers name none */
export function readLetter(record: LogRecord, topic: string): Letter {
  const { partition, offset, timestampMs, headers } = record;
  const { origin, failedAtMs, ...failure } = readFailure(record);
  const replayId = textOf(headers[HEADERS.replayId]);
  return {
    ...failure,
    ...{ partition, offset },
    origin: origin ?? { topic, partition, offset, timestampMs },
    failedAtMs: failedAtMs ?? timestampMs,
    retryCount: countOf(headers[HEADERS.retryCount]),
    replayCount: countOf(headers[HEADERS.replayCount]),
    replayId: REPLAY_ID.test(replayId) ? replayId : undefined,
  };
}

/** What the record would be if it were loaded now: id and time come from its origin. */
export function decodeLetter(record: LogRecord, origin: RecordOrigin, clusterId: string): Decoded {
  const headers = { ...record.headers, [HEADERS.origin]: formatOrigin(origin) };
  return decodeRecord({ ...record, headers }, { clusterId, topic: origin.topic });
}

/** Also of a record that is no exposure, as far as it says. */
export function experimentOf(record: LogRecord, decoded: Decoded): string | undefined {
  if (decoded.kind === 'exposure') return decoded.exposure.experimentId;
  const value = parseObject(record.value);
  const experiment = value?.['experiment_id'];
  return typeof experiment === 'string' && experiment !== '' && experiment.length <= 128 ? experiment : undefined;
}

export function parseObject(value: Buffer | null): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(value?.toString('utf8') ?? '');
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function countOf(header: HeaderValue | undefined): number {
  const text = textOf(header);
  return COUNT.test(text) ? Number(text) : 0;
}

function textOf(header: HeaderValue | undefined): string {
  if (header === undefined || header.length > 64) return '';
  return typeof header === 'string' || Buffer.isBuffer(header) ? header.toString() : '';
}
