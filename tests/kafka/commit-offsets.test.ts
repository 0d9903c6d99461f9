import { describe, expect, test } from 'vitest';
import { GbxError } from '../../src/core/errors.ts';
import { createCommitter } from '../../src/kafka/commit-offsets.ts';
import { manualClock } from '../support/clock.ts';

type Offsets = readonly { readonly topic: string; readonly partition: number; readonly offset: string }[];

function committer(answer: (offsets: Offsets) => Promise<void>) {
  const clock = manualClock();
  const sent: Offsets[] = [];
  const consumer = {
    commitOffsets: (offsets: Offsets) => {
      sent.push(offsets);
      return answer(offsets);
    },
  };
  const translate = (error: unknown, doing: string) =>
    error instanceof GbxError ? error : new GbxError('GBX_KAFKA_UNREACHABLE', `Cannot ${doing}`, { cause: error });
  return { clock, sent, commit: createCommitter({ consumer, translate, clock, topic: 't', group: 'g' }) };
}

const AT_5 = new Map([[0, 5n]]);

describe('createCommitter()', () => {
  test.each(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])(
    'tells that the group has forgotten the member: %s',
    async (type) => {
      const { commit } = committer(async () => {
        throw Object.assign(new Error('gave up'), { cause: Object.assign(new Error('no'), { type }) });
      });
      await expect(commit(AT_5)).rejects.toMatchObject({ code: 'GBX_NOT_A_MEMBER', message: expect.stringContaining(type) });
    },
  );

  test('takes a rebalance under way for something that passes', async () => {
    const { commit } = committer(async () => {
      throw Object.assign(new Error('no'), { type: 'REBALANCE_IN_PROGRESS' });
    });
    await expect(commit(AT_5)).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });

  test('sends none while the one before is not answered, which kafkajs repeats for ever', async () => {
    let answer = (): void => undefined;
    const { commit, clock, sent } = committer(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const first = expect(commit(AT_5)).rejects.toMatchObject({ message: expect.stringContaining('within 5 s') });
    await clock.advance(5_000);
    await first;
    await expect(commit(AT_5)).rejects.toMatchObject({ message: expect.stringContaining('not answered yet') });
    answer();
    await clock.advance(0);
    const second = commit(new Map([[1, 7n]]));
    answer();
    await second;
    expect(sent).toEqual([[{ topic: 't', partition: 0, offset: '5' }], [{ topic: 't', partition: 1, offset: '7' }]]);
  });

  test('asks nothing where there is nothing to commit', async () => {
    const { commit, sent } = committer(async () => undefined);
    await commit(new Map());
    expect(sent).toEqual([]);
  });
});
