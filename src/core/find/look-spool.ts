// Looks through the spool on this machine: segments that wait for Kafka, and what Kafka refused. Reads only, while serve may go
// on in the folder: a segment that is gone when it is read was sent, and is met in the topic, which is looked at afterwards.
import type { Disk } from '../accept/spool/disk.ts';
import { checkHeader, HEADER_BYTES, type StoredRecord } from '../accept/spool/format.ts';
import { readRecords } from '../accept/spool/read-records.ts';
import { newSegment, segmentNumber } from '../accept/spool/segments.ts';
import { GbxError } from '../errors.ts';
import type { LogRecord } from '../exposure/exposure.ts';
import { isJsonObject } from '../exposure/validate.ts';
import type { Match } from './match.ts';
import type { SpoolFolder } from './ports.ts';
import type { SpooledRecord } from './trails.ts';

export interface SpoolSeen {
  readonly files: number;
  readonly records: number;
  /** Files, or stretches of them, that could not be read: the end of the newest may just be being written. */
  readonly unreadable: number;
}

interface LookOptions {
  readonly match: (record: LogRecord) => Match | undefined;
  readonly onSeen: (match: Match, seen: SpooledRecord) => void;
  readonly onProgress: (step: string, done: number, of: number | undefined) => void;
  readonly signal: AbortSignal;
}

const CHUNK_BYTES = 1_000_000;
const LIST_ATTEMPTS = 5;
const STEP = 'reading the spool';
const NEWLINE = 0x0a;

/** @throws {GbxError} GBX_SPOOL_FAILED where the folder cannot be listed */
export async function lookAtSpool(folder: SpoolFolder, options: LookOptions): Promise<SpoolSeen> {
  const { disk } = folder;
  const seen = { files: 0, records: 0, unreadable: 0 };
  const segments = (await listAgain(disk)).filter(({ name }) => segmentNumber(name) !== undefined);
  segments.sort((one, other) => (one.name < other.name ? -1 : 1));
  const refused = (await listAgain(disk, 'refused')).filter(({ name }) => name.endsWith('.ndjson'));
  const total = segments.length + refused.length;
  for (const [index, file] of [...segments, ...refused].entries()) {
    options.signal.throwIfAborted();
    options.onProgress(STEP, index, total);
    try {
      const found = index < segments.length ? await readSegment(folder, file, options) : await readRefused(folder, file, options);
      seen.files++;
      seen.records += found.records;
      seen.unreadable += found.unreadable;
    } catch (error) {
      if (!isDiskError(error)) throw error;
      // Sent and taken away meanwhile: nothing is missed.
      const listed = await listAgain(disk, index < segments.length ? undefined : 'refused');
      if (listed.some(({ name }) => name === file.name)) seen.unreadable++;
    }
  }
  return seen;
}

interface FoundFile {
  readonly name: string;
  readonly bytes: number;
}

/** A file that goes between being listed and being measured makes a listing fail. */
async function listAgain(disk: Disk, sub?: 'refused'): Promise<FoundFile[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return [...(await disk.list(sub))];
    } catch (error) {
      if (!isDiskError(error) || attempt >= LIST_ATTEMPTS) throw error;
    }
  }
}

function isDiskError(error: unknown): boolean {
  return error instanceof GbxError && error.code === 'GBX_SPOOL_FAILED';
}

interface FileSeen {
  readonly records: number;
  readonly unreadable: number;
}

async function readSegment({ disk, checksum }: SpoolFolder, { name, bytes }: FoundFile, options: LookOptions): Promise<FileSeen> {
  const header = checkHeader(await disk.read(name, { position: 0, length: HEADER_BYTES }), checksum);
  if (header === 'short') return { records: 0, unreadable: 0 };
  // Written by a later gbx.
  if (header === 'newer') return { records: 0, unreadable: 1 };
  const segment = newSegment(name, { bytes });
  let records = 0;
  let unreadable = header === 'damaged' ? 1 : 0;
  for (let position = HEADER_BYTES; position < bytes; ) {
    options.signal.throwIfAborted();
    const read = await readRecords(segment, position, { disk, checksum, chunkBytes: CHUNK_BYTES });
    for (const record of read.records) note(record, { file: disk.pathOf(name), refusedReason: undefined }, options);
    records += read.records.length;
    unreadable += read.damaged.length;
    position = read.next;
  }
  return { records, unreadable };
}

/** A JSON a line, as accept/spool/refused.ts writes them. */
async function readRefused({ disk }: SpoolFolder, { name, bytes }: FoundFile, options: LookOptions): Promise<FileSeen> {
  const seen = { records: 0, unreadable: 0 };
  let rest = Buffer.alloc(0);
  for (let position = 0; position < bytes; ) {
    options.signal.throwIfAborted();
    const chunk = await disk.read(name, { position, length: Math.min(CHUNK_BYTES, bytes - position) });
    if (chunk.length === 0) break;
    position += chunk.length;
    const text = Buffer.concat([rest, chunk]);
    const end = position >= bytes ? text.length : text.lastIndexOf(NEWLINE) + 1;
    rest = Buffer.from(text.subarray(end));
    for (const line of text.subarray(0, end).toString().split('\n')) {
      if (line === '') continue;
      const refused = parseRefused(line);
      if (refused === undefined) seen.unreadable++;
      else {
        seen.records++;
        note(refused.record, { file: disk.pathOf(name), refusedReason: refused.reason }, options);
      }
    }
  }
  return seen;
}

function parseRefused(line: string): { readonly record: StoredRecord; readonly reason: string } | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isJsonObject(fields) || typeof fields['value'] !== 'string') return undefined;
  const record = {
    key: Buffer.from(String(fields['key'] ?? '')),
    value: Buffer.from(fields['value']),
    timestampMs: Date.parse(String(fields['accepted_at'])),
  };
  return { record, reason: String(fields['reason'] ?? '') };
}

function note(stored: StoredRecord, where: Pick<SpooledRecord, 'file' | 'refusedReason'>, { match, onSeen }: LookOptions): void {
  const { key, value, timestampMs } = stored;
  const found = match({ partition: -1, offset: -1n, timestampMs, key, value, headers: {} });
  if (found !== undefined) onSeen(found, { ...where, acceptedMs: timestampMs, identity: found.identity });
}
