// Commits to the group: for lag and other tools, since the ledger is the truth. One at a time, as kafkajs repeats a commit that
// is not answered for as long as it lives: two of them could come through in the wrong order. Part of group-member.ts.
import type { Consumer, TopicPartitionOffsetAndMetadata } from 'kafkajs';
import type { Clock } from '../core/clock.ts';
import { GbxError } from '../core/errors.ts';
import type { KafkaClient } from './client.ts';
import { withDeadline } from './deadline.ts';
import { protocolTypeOf } from './translate-error.ts';

export interface CommitDeps {
  readonly consumer: Pick<Consumer, 'commitOffsets'>;
  readonly translate: KafkaClient['translate'];
  readonly clock: Clock;
  readonly topic: string;
  readonly group: string;
}

export type CommitOffsets = (positions: ReadonlyMap<number, bigint>) => Promise<void>;

const COMMIT_MS_MAX = 5_000;
/** The group does not know this member any more, or not as it is now. */
const NOT_A_MEMBER = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);

/** What it makes throws GBX_NOT_A_MEMBER, and GBX_KAFKA_UNREACHABLE, too, while the commit before is not answered. */
export function createCommitter({ consumer, translate, clock, topic, group }: CommitDeps): CommitOffsets {
  const doing = `commit the offsets of the group ${group}`;
  let isUnanswered = false;

  return async (positions) => {
    if (positions.size === 0) return;
    if (isUnanswered) throw new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ${doing} as the commit before is not answered yet`);
    const offsets: TopicPartitionOffsetAndMetadata[] = [];
    for (const [partition, offset] of positions) offsets.push({ topic, partition, offset: String(offset) });
    const late = (): Error => new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ${doing} as no answer came within ${COMMIT_MS_MAX / 1000} s`);
    isUnanswered = true;
    const answer = consumer.commitOffsets(offsets).finally(() => {
      isUnanswered = false;
    });
    try {
      await withDeadline(answer, { clock, ms: COMMIT_MS_MAX, late });
    } catch (error) {
      const type = protocolTypeOf(error);
      if (type !== undefined && NOT_A_MEMBER.has(type))
        throw new GbxError('GBX_NOT_A_MEMBER', `Cannot ${doing} as the group has forgotten this member (${type})`, { cause: error });
      throw translate(error, doing, 'GBX_KAFKA_UNREACHABLE');
    }
  };
}
