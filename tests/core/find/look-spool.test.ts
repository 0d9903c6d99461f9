import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Disk } from '../../../src/core/accept/spool/disk.ts';
import { encodeHeader, encodeRecords } from '../../../src/core/accept/spool/format.ts';
import { GbxError } from '../../../src/core/errors.ts';
import { lookAtSpool } from '../../../src/core/find/look-spool.ts';
import { createMatcher } from '../../../src/core/find/match.ts';
import type { SpooledRecord } from '../../../src/core/find/trails.ts';

const checksum = (bytes: Buffer): number => crc32(bytes);

/** Reads and lists; whatever else is asked of it fails the test. */
function diskOf(files: Map<string, Buffer>, onRead: (name: string) => void = () => undefined): Disk {
  const never = (): never => {
    throw new Error('find must not write');
  };
  return {
    list: async (folder) =>
      [...files]
        .filter(([name]) => (folder === undefined ? !name.includes('/') : name.startsWith(`${folder}/`)))
        .map(([name, { length }]) => ({ name, bytes: length })),
    read: async (name, { position, length }) => {
      onRead(name);
      const bytes = files.get(name);
      if (bytes === undefined) throw new GbxError('GBX_SPOOL_FAILED', 'gone');
      return bytes.subarray(position, position + length);
    },
    pathOf: (name) => `/spool/${name}`,
    ...{ create: never, openAppend: never, remove: never, rename: never, syncFolder: never },
  };
}

function body(id: string): string {
  return JSON.stringify({ exposure_id: id, ds_user_id: 'u', experiment_id: 'e', variation_id: '1' });
}

function segment(...ids: readonly string[]): Buffer {
  const records = ids.map((id, index) => ({ key: 'u', value: body(id), timestampMs: Date.UTC(2026, 0, 1) + index }));
  return encodeRecords(records, checksum, encodeHeader(checksum));
}

async function look(disk: Disk, exposureId = 'x') {
  const found: SpooledRecord[] = [];
  const matcher = createMatcher({ kind: 'id', exposureId });
  const seen = await lookAtSpool(
    { disk, checksum },
    {
      match: (record) => matcher(record, { clusterId: '', topic: 't' }),
      onSeen: (_, one) => found.push(one),
      onProgress: () => undefined,
      signal: new AbortController().signal,
    },
  );
  return { found, seen };
}

describe('lookAtSpool()', () => {
  test('a folder that cannot be listed fails', async () => {
    const disk = { ...diskOf(new Map()), list: () => Promise.reject(new GbxError('GBX_SPOOL_FAILED', 'no rights')) };
    await expect(look(disk)).rejects.toMatchObject({ code: 'GBX_SPOOL_FAILED' });
  });

  test('a segment that is taken away meanwhile was sent; one that stays and cannot be read is counted', async () => {
    const files = new Map([
      ['000000000001.spool', segment('y')],
      ['000000000002.spool', segment('x')],
    ]);
    const sent = diskOf(files, (name) => {
      if (name === '000000000001.spool') files.delete(name);
    });
    expect(await look(sent)).toMatchObject({ found: [{ file: '/spool/000000000002.spool' }], seen: { files: 1, unreadable: 0 } });
    const broken = diskOf(new Map([['000000000002.spool', segment('x')]]), () => {
      throw new GbxError('GBX_SPOOL_FAILED', 'EIO');
    });
    expect(await look(broken)).toMatchObject({ found: [], seen: { files: 0, unreadable: 1 } });
  });

  test('a file of what Kafka refused that stays and cannot be read is counted; one that is gone is not', async () => {
    const name = 'refused/000000000001.ndjson';
    const files = new Map([[name, Buffer.from('{}\n')]]);
    const broken = diskOf(files, () => {
      throw new GbxError('GBX_SPOOL_FAILED', 'EACCES');
    });
    expect((await look(broken)).seen).toEqual({ files: 0, records: 0, unreadable: 1 });
    const gone = diskOf(files, () => files.clear());
    expect((await look(gone)).seen).toEqual({ files: 0, records: 0, unreadable: 0 });
  });

  test('reads around what is torn or damaged, and knows a segment of a later gbx', async () => {
    const torn = segment('a', 'x');
    const damaged = segment('bad', 'x');
    damaged.writeUInt8(0, 60);
    const newer = encodeHeader(checksum);
    newer.writeUInt32LE(9, 8);
    newer.writeUInt32LE(checksum(newer.subarray(0, 12)), 12);
    const { found, seen } = await look(
      diskOf(
        new Map([
          ['000000000001.spool', torn.subarray(0, torn.length - 5)],
          ['000000000002.spool', damaged],
          ['000000000003.spool', newer],
          ['000000000004.spool', Buffer.alloc(3)],
          ['other.txt', Buffer.from('x')],
        ]),
      ),
    );
    expect(found).toEqual([expect.objectContaining({ file: '/spool/000000000002.spool', acceptedMs: Date.UTC(2026, 0, 1) + 1 })]);
    expect(seen).toEqual({ files: 4, records: 2, unreadable: 3 });
  });

  test('finds what Kafka refused, with its reason, over the bounds of what is read at a time', async () => {
    const line = (id: string, reason: string): string =>
      JSON.stringify({ accepted_at: '2026-01-01T00:00:00.000Z', reason, key: 'u', value: body(id) });
    const filler = line('y'.repeat(60), 'z'.repeat(900));
    const text = `\n${`${filler}\n`.repeat(1_500)}\n{"torn\n${line('x', 'too large')}\n`;
    const { found, seen } = await look(diskOf(new Map([['refused/000000000001.ndjson', Buffer.from(text)]])));
    expect(found).toEqual([
      expect.objectContaining({ file: '/spool/refused/000000000001.ndjson', refusedReason: 'too large', acceptedMs: Date.UTC(2026, 0, 1) }),
    ]);
    expect(seen).toEqual({ files: 1, records: 1_501, unreadable: 1 });
  });
});
