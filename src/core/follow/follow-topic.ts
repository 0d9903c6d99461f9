// Reads a topic from its end on, only to see what arrives: a member of a group of its own that commits nothing.
import { decodeRecord } from '../exposure/decode.ts';
import type { Source } from '../load/ports.ts';
import type { Follower } from './follower.ts';

const TAKE_MS = 1_000;

/**
 * Tells the follower of each record until the signal aborts.
 *
 * @param onPlaced called when it stands at the end of every partition: what arrives from then on is seen.
 * @throws {GbxError} GBX_CONSUMER_CRASHED, GBX_KAFKA_UNREACHABLE
 */
export async function followTopic(
  source: Source,
  follower: Follower,
  { onPlaced, signal }: { readonly onPlaced: () => void; readonly signal: AbortSignal },
): Promise<void> {
  const place = { clusterId: source.clusterId, topic: source.topic };
  while (!signal.aborted) {
    const event = await source.take(TAKE_MS, signal);
    if (event?.kind === 'joined') {
      const offsets = await source.offsets(event.partitions);
      source.seek(new Map(offsets.map(({ partition, end }) => [partition, end])));
      onPlaced();
    }
    if (event?.kind !== 'records') continue;
    for (const record of event.records) {
      const decoded = decodeRecord(record, place);
      if (decoded.kind !== 'exposure') continue;
      const { exposureId } = decoded.exposure;
      follower.inKafka({ exposureId, partition: record.partition, offset: record.offset, acceptedAtMs: record.timestampMs });
    }
  }
}
