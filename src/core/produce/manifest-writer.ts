// What a run sent, written down batch by batch for `gbx verify`: one line for each exposure once its outcome is known.
import type { SendOutcome } from '../accept/ports.ts';
import type { SentOutcome } from '../traffic/manifest.ts';
import { formatHeadLine, formatSentLine } from '../traffic/manifest-lines.ts';
import { contentHash } from '../verify/content.ts';
import type { Outgoing } from './outgoing.ts';

export interface ManifestSink {
  append(lines: string): Promise<void>;
  finish(headLine: string): Promise<void>;
}

interface WriterOptions {
  readonly runId: string;
  readonly open: (headLine: string) => Promise<ManifestSink>;
  /** Copies are sent too: then what failed may still come in by its copy. */
  readonly hasCopies: boolean;
}

export interface ManifestWriter {
  write(items: readonly Outgoing[], outcomes: readonly SendOutcome[]): Promise<void>;
  finish(): Promise<void>;
}

/** @throws {GbxError} GBX_USAGE when it cannot be written */
export async function startManifest({ runId, open, hasCopies }: WriterOptions): Promise<ManifestWriter> {
  const sink = await open(formatHeadLine({ runId, startMs: 0, endMs: 0, count: undefined }));
  let [count, startMs, endMs] = [0, Number.POSITIVE_INFINITY, 0];

  function outcomeOf({ kind }: Outgoing, outcome: SendOutcome | undefined): SentOutcome {
    // In Kafka it becomes a dead letter, from serve it gets a refusal: a row in neither case.
    if (kind === 'malformed') return 'refused';
    if (outcome?.kind === 'acked') return 'ok';
    if (outcome?.kind === 'unknown' || outcome === undefined) return 'unknown';
    return hasCopies ? 'unknown' : 'refused';
  }

  return {
    async write(items, outcomes) {
      let lines = '';
      for (const [index, item] of items.entries()) {
        // The event itself has its line.
        if (item.kind === 'copy') continue;
        const { exposure } = item;
        count += 1;
        startMs = Math.min(startMs, Math.floor(exposure.tsMicros / 1000));
        endMs = Math.max(endMs, Math.ceil(exposure.tsMicros / 1000));
        lines += formatSentLine({
          exposureId: exposure.exposureId,
          contentHash: contentHash(exposure),
          outcome: outcomeOf(item, outcomes[index]),
        });
      }
      if (lines !== '') await sink.append(lines);
    },
    finish: () => sink.finish(formatHeadLine({ runId, startMs: count === 0 ? 0 : startMs, endMs, count })),
  };
}
