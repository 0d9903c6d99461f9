// What was sent, as lines of JSON: one for the run, then one for each exposure with what became of it. Text in, text out;
// files belong to src/files. `gbx smoke` and `gbx produce` write it; `gbx verify --manifest` reads it, line by line.
import { z } from 'zod';
import { GbxError } from '../errors.ts';

const SCHEMA = 'gbx.manifest/1';

export interface ManifestHead {
  /** The seed of the traffic as well. */
  readonly runId: string;
  /** The time of event 0: milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** The time of the latest exposure, where it is known. */
  readonly endMs?: number;
  readonly count: number;
}

/** `ok`: it must be loaded once. `refused`: it must not be there. `unknown`: once, or not at all. */
export type SentOutcome = 'ok' | 'refused' | 'unknown';

export interface SentExposure {
  readonly exposureId: string;
  /** By contentHash() of core/verify. */
  readonly contentHash: string;
  readonly outcome: SentOutcome;
}

export interface Manifest {
  readonly head: ManifestHead;
  readonly sent: readonly SentExposure[];
}

const headSchema = z.object({
  schema: z.literal(SCHEMA),
  run_id: z.string(),
  start_ms: z.number(),
  end_ms: z.number().optional(),
  /** -1 while the run lasts. */
  count: z.int().min(-1),
});
const sentSchema = z.object({
  exposure_id: z.string().min(1),
  content: z.string().regex(/^[\w-]{43}$/u),
  outcome: z.enum(['ok', 'refused', 'unknown']),
});

/** The whole manifest, a line feed after each line. */
export function formatManifest({ head, sent }: Manifest): string {
  const lines = [
    JSON.stringify({ schema: SCHEMA, run_id: head.runId, start_ms: head.startMs, count: head.count }),
    ...sent.map(({ exposureId, contentHash, outcome }) => JSON.stringify({ exposure_id: exposureId, content: contentHash, outcome })),
  ];
  return `${lines.join('\n')}\n`;
}

/** @throws {GbxError} GBX_USAGE that names the line at fault; a manifest that was cut short is at fault too. */
export function parseManifest(text: string): Manifest {
  const parser = createManifestParser();
  const sent = text.split('\n').flatMap((line) => parser.take(line) ?? []);
  return { head: parser.end(), sent };
}

/** Takes a manifest of any length line by line. Each throws GBX_USAGE that names the line at fault. */
export interface ManifestParser {
  /** Of the first line; undefined before it. */
  head(): ManifestHead | undefined;
  /** @returns what the line lists; undefined for the head and for empty lines */
  take(line: string): SentExposure | undefined;
  /** After the last line. @throws {GbxError} GBX_USAGE where it was cut short */
  end(): ManifestHead;
}

/** @param path named in what it throws, where there is one */
export function createManifestParser(path?: string): ManifestParser {
  const broken: Broken = (reason, cause) => brokenManifest(path, reason, cause);
  let head: ManifestHead | undefined;
  let lines = 0;
  let listed = 0;
  return {
    head: () => head,
    take(line) {
      lines++;
      if (line === '') return undefined;
      if (head === undefined) {
        head = parseHead(line, lines, broken);
        return undefined;
      }
      const { exposure_id, content, outcome } = parseLine(sentSchema, { line, number: lines, broken });
      listed++;
      return { exposureId: exposure_id, contentHash: content, outcome };
    },
    end() {
      if (head === undefined) throw broken('it is empty');
      if (listed !== head.count) throw broken(`it lists ${listed} exposures of ${head.count}: it was cut short or altered`);
      return head;
    },
  };
}

type Broken = (reason: string, cause?: unknown) => GbxError;

function parseHead(line: string, number: number, broken: Broken): ManifestHead {
  const { run_id, start_ms, end_ms, count } = parseLine(headSchema, { line, number, broken });
  if (count < 0) throw broken('the run that wrote it has not ended, or was killed');
  return { runId: run_id, startMs: start_ms, ...(end_ms === undefined ? {} : { endMs: end_ms }), count };
}

interface NumberedLine {
  readonly line: string;
  readonly number: number;
  readonly broken: Broken;
}

function parseLine<T>(schema: z.ZodType<T>, { line, number, broken }: NumberedLine): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw broken(`line ${number} is not JSON`, error);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw broken(`line ${number} is not what ${SCHEMA} has there`, parsed.error);
  return parsed.data;
}

function brokenManifest(path: string | undefined, reason: string, cause: unknown): GbxError {
  return new GbxError('GBX_USAGE', `Cannot read the manifest ${path === undefined ? '' : `${path} `}as ${reason}`, {
    cause,
    hint: 'give the file that `gbx smoke --manifest` or `gbx produce --manifest` wrote, whole',
  });
}
