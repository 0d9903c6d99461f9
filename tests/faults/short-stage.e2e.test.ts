// Contract: a warehouse that staged fewer rows than it was given is not believed. The ledger would pass the missing ones, so
// nothing of the batch is written, the process ends as for a bug, and the next one loads all of it.
import { expect, it } from 'vitest';
import { openPipeline } from '../support/pipeline.ts';
import { testStack } from '../support/stack.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

it('gbx consume ends with 70 when the server says that COPY took fewer rows, and loses none', async () => {
  await using pipeline = await openPipeline({ partitions: 1 });
  await pipeline.send(300);
  let changed = 0;
  await using proxy = await openTcpProxy({
    target: testStack().postgres,
    read: (link) => ({
      fromClient: (bytes) => link.toServer(bytes),
      fromServer: (bytes) => {
        const at = bytes.indexOf('COPY 100\0', 0, 'latin1');
        // The second batch; the same length, so that the message stays one.
        if (at >= 0 && ++changed === 2) bytes.write('COPY 099', at, 'latin1');
        link.toClient(bytes);
      },
    }),
  });
  const consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
  expect(await consumer.exit()).toEqual({ code: 70, signal: null });
  expect(consumer.stderr()).toContain('staged 99 rows of 100');
  expect(await pipeline.count()).toBe(100);
  await pipeline.consumer();
  expect(await pipeline.expectExact()).toMatchObject({ rows: 300, letters: 0 });
}, 60_000);
