// Records that Kafka refuses for themselves: one line of JSON each, in a file named after their segment, for people and
// for jq. Called by the sender before the segment goes; a crash in between writes a line twice, told by its exposure_id.
import type { Disk } from './disk.ts';
import type { Refused } from './segments.ts';

/** @throws {GbxError} GBX_SPOOL_FAILED: then nothing is promised of them */
export async function keepRefused(
  segmentName: string,
  refused: readonly Refused[],
  disk: Pick<Disk, 'openAppend' | 'syncFolder'>,
): Promise<{ readonly name: string; readonly bytes: number }> {
  const name = `refused/${segmentName.replace(/\.spool$/u, '.ndjson')}`;
  // A line that a crash has torn must not swallow the first of these.
  const text = `\n${refused.map(asLine).join('\n')}\n`;
  const bytes = Buffer.from(text);
  const file = await disk.openAppend(name);
  try {
    await file.append(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncFolder('refused');
  return { name, bytes: bytes.length };
}

function asLine({ record: { key, value, timestampMs }, reason }: Refused): string {
  return JSON.stringify({ accepted_at: new Date(timestampMs).toISOString(), reason, key: key.toString(), value: value.toString() });
}
