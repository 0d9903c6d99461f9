// A manifest (manifest.ts) written as the run goes, for runs of any length: the head has a fixed length, so that what is
// known only at the end is set in afterwards. Until then the head's count is none, and parseManifest() refuses it.
import type { ManifestHead, SentExposure } from './manifest.ts';

const HEAD_LENGTH = 512;

export interface RunningHead extends Pick<ManifestHead, 'runId'> {
  /** Times of the earliest and the latest exposure: milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** Exposures listed; undefined while the run lasts. */
  readonly count: number | undefined;
}

/** The first line, its line feed included: the same number of bytes whatever it says. @throws {RangeError} for a run id of hundreds of letters */
export function formatHeadLine({ runId, startMs, endMs, count }: RunningHead): string {
  const json = JSON.stringify({ schema: 'gbx.manifest/1', run_id: runId, start_ms: startMs, end_ms: endMs, count: count ?? -1 });
  const spaces = HEAD_LENGTH - Buffer.byteLength(json);
  if (spaces < 0) throw new RangeError(`Cannot write a manifest as its head takes ${HEAD_LENGTH} bytes: there are ${-spaces} more`);
  return `${json}${' '.repeat(spaces)}\n`;
}

/** One exposure, its line feed included. */
export function formatSentLine({ exposureId, contentHash, outcome }: SentExposure): string {
  return `{"exposure_id":${JSON.stringify(exposureId)},"content":"${contentHash}","outcome":"${outcome}"}\n`;
}
