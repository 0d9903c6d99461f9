import { describe, expect, it } from 'vitest';
import { toVerifyDocument } from '../../../src/core/verify/document.ts';
import { createWorld, dropRow, exposure, manifestOf, rightWorld, SCOPE, sentOf } from './world.ts';

const PLAN = {
  scope: SCOPE,
  deadLetterTopic: 'dlq',
  ...{ retryTopic: undefined, from: undefined, to: undefined, manifest: undefined, idsMax: 100 },
};

describe('toVerifyDocument()', () => {
  it('says what is wrong in numbers and ids, and can be written as JSON', async () => {
    const world = rightWorld();
    dropRow(world, 'b');
    const document = JSON.parse(JSON.stringify(toVerifyDocument(PLAN, await world.verify())));
    expect(document).toMatchObject({
      ...{ schema: 'gbx.verify/1', verdict: 'not_exact', topic: 't', group: 'g', clusterId: 'c', manifest: null, records: 3 },
      ...{ expected: 3, loaded: 2, missing: 1, doubled: 0, altered: 0, phantom: 0, waiting: { records: 0, retries: 0 } },
      ids: { missing: [{ exposureId: 'b', partition: 1, offset: 0, experimentId: 'checkout' }] },
      ranges: [
        { partition: 0, from: 0, to: 2, ledger: 2, end: 2 },
        { partition: 1, from: 0, to: 1 },
      ],
      mayHaveBegunAt: null,
      unjudged: { rowsFromElsewhere: 0, reason: null, notExamined: 0, crowdedIds: 0, deadLetterTopic: 'read' },
    });
  });

  it('names the run of a manifest, and no records of a topic', async () => {
    const world = createWorld();
    world.load(exposure('a'));
    const manifest = manifestOf([sentOf(exposure('a'))]);
    const document = toVerifyDocument({ ...PLAN, manifest }, await world.verify({ manifest }));
    expect(document).toMatchObject({ verdict: 'exact', manifest: { runId: 'run-1' }, records: null, unjudged: { reason: 'manifest' } });
    expect(JSON.stringify(document)).not.toContain('user of');
  });
});
