// What was sent, as lines of JSON: one for the run, then one for each exposure with what became of it. Text in, text out;
// files belong to src/files. `gbx smoke --manifest` writes it; a later check reads it.
import { z } from 'zod';
import { GbxError } from '../errors.ts';

const SCHEMA = 'gbx.manifest/1';

export interface ManifestHead {
  /** The seed of the traffic as well. */
  readonly runId: string;
  /** The time of event 0: milliseconds since the Unix epoch. */
  readonly startMs: number;
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

const headSchema = z.object({ schema: z.literal(SCHEMA), run_id: z.string(), start_ms: z.number(), count: z.int().min(0) });
const sentSchema = z.object({ exposure_id: z.string(), content: z.string(), outcome: z.enum(['ok', 'refused', 'unknown']) });

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
  const [first = '', ...rest] = text.split('\n').filter((line) => line !== '');
  const head = parseLine(headSchema, first, 1);
  const sent = rest.map((line, index) => {
    const { exposure_id, content, outcome } = parseLine(sentSchema, line, index + 2);
    return { exposureId: exposure_id, contentHash: content, outcome };
  });
  if (sent.length !== head.count) throw broken(`it lists ${sent.length} exposures of ${head.count}`);
  return { head: { runId: head.run_id, startMs: head.start_ms, count: head.count }, sent };
}

function parseLine<T>(schema: z.ZodType<T>, line: string, number: number): T {
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

function broken(reason: string, cause?: unknown): GbxError {
  return new GbxError('GBX_USAGE', `Cannot read the manifest as ${reason}`, {
    cause,
    hint: 'give the file that `gbx smoke --manifest` wrote',
  });
}
