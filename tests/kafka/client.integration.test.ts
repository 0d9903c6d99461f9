// Contract: a broker is reached over TLS only when its certificate is signed by the authority we were given; every other
// mix of plain text and TLS, and every address where no broker answers, is refused within seconds, in words that help.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { KafkaConnection } from '../../src/kafka/client.ts';
import { openAdmin } from '../../src/kafka/open-admin.ts';
import { createAuthority } from '../support/certificates.ts';
import { testStack } from '../support/stack.ts';
import { connectionTo } from './connection.ts';

async function askClusterId(connection: Partial<KafkaConnection>): Promise<string> {
  await using admin = await openAdmin(connectionTo(connection));
  return await admin.clusterId();
}

describe('openAdmin()', () => {
  test.each([
    [
      'no authority is given',
      () => ({ brokers: [testStack().tlsBrokers], tls: { kind: 'on' } as const }),
      'not signed by an authority this machine knows',
    ],
    [
      'another authority is given',
      () => ({ brokers: [testStack().tlsBrokers], tls: { kind: 'on', ca: createAuthority('another').ca } as const }),
      'not signed by the authority in GBX_KAFKA_CA_FILE',
    ],
    ['the port takes plain text', () => ({ tls: { kind: 'on', ca: testStack().ca } as const }), 'does not speak TLS'],
    ['the port takes TLS and we do not', () => ({ brokers: [testStack().tlsBrokers], tls: { kind: 'off' } as const }), 'expects TLS'],
  ])('is refused with GBX_KAFKA_TLS when %s', async (_, connection, words) => {
    await expect(askClusterId(connection())).rejects.toMatchObject({ code: 'GBX_KAFKA_TLS', message: expect.stringContaining(words) });
  });

  test('says that nobody listens', async () => {
    await expect(askClusterId({ brokers: ['127.0.0.1:1'] })).rejects.toMatchObject({
      code: 'GBX_KAFKA_UNREACHABLE',
      message: 'Cannot connect to Kafka as 127.0.0.1:1 refuses connections',
    });
  });

  test('says that the peer never answers', async () => {
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    await expect(askClusterId({ brokers: [`127.0.0.1:${port}`] })).rejects.toMatchObject({
      code: 'GBX_KAFKA_UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:${port} does not answer`),
    });
    mute.close();
  });

  test('connects with the right authority, by name and by address', async () => {
    const { tlsBrokers, ca } = testStack();
    const tls = { kind: 'on', ca } as const;
    const byAddress = await askClusterId({ brokers: [tlsBrokers], tls });
    const byName = await askClusterId({ brokers: [tlsBrokers.replace('127.0.0.1', 'localhost')], tls });
    expect([byAddress, byName]).toEqual([await askClusterId({}), byAddress]);
  });

  test('goes on to the next broker when the first is gone', async () => {
    await expect(askClusterId({ brokers: ['127.0.0.1:1', testStack().brokers] })).resolves.toMatch(/^[\w-]{22}$/);
  });
});
