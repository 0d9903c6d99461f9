import { expect, test } from 'vitest';
import { createGroupCommit } from '../../../../src/core/accept/spool/group-commit.ts';
import { record, spoolParts } from './spool-parts.ts';

const LIMITS = { groupMax: { recordsMax: 100, bytesMax: 100_000 }, pendingMax: { recordsMax: 1_000, bytesMax: 1_000_000 }, stallMs: 2_000 };

test('push() refuses at once while the disk fails, says why, and takes again when it works', async () => {
  const parts = spoolParts();
  const commit = createGroupCommit({ ...parts, ...LIMITS, bytesMax: 1_000_000 });
  parts.model.failing.share = 1;
  expect((await commit.push(record('one'), 5_000)).kind).not.toBe('acked');
  expect(await commit.push(record('two'), 5_000)).toMatchObject({ kind: 'not-sent', reason: 'the model disk fails' });
  expect(commit.problem()).toMatchObject({ code: 'GBX_SPOOL_FAILED' });
  parts.model.failing.share = 0;
  await parts.clock.advance(5_000);
  expect(commit.problem()).toBeUndefined();
  expect(await commit.push(record('three'), 20_000)).toEqual({ kind: 'acked' });
  expect(parts.log.events()).toEqual(['spool.write_failed', 'spool.usable']);
});

test('push() of those who come while a sync is under way shares the next one', async () => {
  const gates: (() => void)[] = [];
  const parts = spoolParts(() => new Promise((resolve) => gates.push(resolve)));
  let groups = 0;
  const writer = {
    ...parts.writer,
    append: (records: Parameters<typeof parts.writer.append>[0]) => {
      groups += 1;
      return parts.writer.append(records);
    },
  };
  const commit = createGroupCommit({ ...parts, ...LIMITS, writer, bytesMax: 1_000_000 });
  const first = commit.push(record('first'), 5_000);
  await parts.clock.advance(1);
  const others = Array.from({ length: 50 }, (_, i) => commit.push(record(`other-${i}`), 5_000));
  let isDone = false;
  void Promise.all([first, ...others]).then(() => {
    isDone = true;
  });
  while (!isDone) {
    gates.shift()?.();
    await parts.clock.advance(0);
  }
  expect(groups).toBe(2);
});

test('push() is refused beyond the size of the spool, and answered by its deadline when the disk hangs', async () => {
  const full = createGroupCommit({ ...spoolParts(), ...LIMITS, bytesMax: 1_000 });
  expect(await full.push(record('one'), 5_000)).toMatchObject({ kind: 'not-sent', reason: expect.stringContaining('GBX_SPOOL_BYTES_MAX') });

  const hanging = spoolParts(() => new Promise(() => undefined));
  const commit = createGroupCommit({ ...hanging, ...LIMITS, bytesMax: 1_000_000 });
  const underWay = commit.push(record('one'), 3_000);
  await hanging.clock.advance(0);
  const waiting = commit.push(record('two'), 3_000);
  await hanging.clock.advance(3_000);
  expect([(await underWay).kind, (await waiting).kind]).toEqual(['unknown', 'not-sent']);
  expect(commit.problem()?.message).toContain('has not answered');
});
