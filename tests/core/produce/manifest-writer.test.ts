import { expect, test } from 'vitest';
import { startManifest } from '../../../src/core/produce/manifest-writer.ts';
import type { Outgoing } from '../../../src/core/produce/outgoing.ts';
import { parseManifest } from '../../../src/core/traffic/manifest.ts';
import { createTraffic } from '../../../src/core/traffic/traffic.ts';
import { contentHash } from '../../../src/core/verify/content.ts';

const START_MS = Date.UTC(2026, 0, 31);
const traffic = createTraffic({ seed: 's', startMs: START_MS, intervalMs: 1000 });
const item = (i: number, kind: Outgoing['kind'] = 'plain'): Outgoing => ({ kind, exposure: traffic.exposureAt(i), value: '' });

async function written(hasCopies: boolean) {
  let [head, body] = ['', ''];
  const sink = {
    append: async (lines: string) => {
      body += lines;
    },
    finish: async (line: string) => {
      head = line;
    },
  };
  const open = async (line: string) => {
    head = line;
    return sink;
  };
  const writer = await startManifest({ runId: 'r', hasCopies, open });
  await writer.write(
    [item(1), item(0), item(2, 'malformed'), item(0, 'copy')],
    [{ kind: 'acked' }, { kind: 'not-sent', reason: '' }, { kind: 'acked' }],
  );
  await writer.write([item(3)], [{ kind: 'unknown', reason: '' }]);
  expect(() => parseManifest(head + body)).toThrow('has not ended');
  await writer.finish();
  return parseManifest(head + body);
}

test('startManifest() lists each exposure once, with what became of it and its content', async () => {
  const { head, sent } = await written(false);
  expect(head).toEqual({ runId: 'r', startMs: START_MS, endMs: START_MS + 3000, count: 4 });
  expect(sent.map(({ outcome }) => outcome)).toEqual(['ok', 'refused', 'refused', 'unknown']);
  expect(sent[0]).toMatchObject({ exposureId: traffic.exposureAt(1).exposureId, contentHash: contentHash(traffic.exposureAt(1)) });
});

test('startManifest() claims of nothing that it is surely absent when its copy may have come in', async () => {
  expect((await written(true)).sent.map(({ outcome }) => outcome)).toEqual(['ok', 'unknown', 'refused', 'unknown']);
});
