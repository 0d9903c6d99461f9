// Contract: each question ends with an answer or with Node's own reason, sends no data, and ends when it is told to.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createNetwork } from '../../src/network/create-network.ts';
import { createAuthority } from '../support/certificates.ts';
import { testStack } from '../support/stack.ts';

const network = createNetwork();
const { signal } = new AbortController();
const kafka = () => ({ host: 'localhost', port: Number(testStack().tlsBrokers.split(':')[1]) });
const warehouse = () => ({ host: 'localhost', port: testStack().postgres.port });

test('resolve() gives addresses, and the reason where nobody knows the name', async () => {
  expect(await network.resolve('[::1]')).toEqual(['::1']);
  expect(await network.resolve('localhost')).toEqual(expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/u)]));
  await expect(network.resolve('nowhere.invalid')).rejects.toThrow(/ENOTFOUND|EAI_AGAIN/u);
});

test('dial() gives the reason of a refusal, also where a name has several addresses', async () => {
  await expect(network.dial({ host: 'localhost', port: 1 }, signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await network.dial(warehouse(), signal);
});

test('handshake() reads a certificate that is trusted, and one that is not, of both kinds of server', async () => {
  for (const [address, start] of [
    [kafka(), 'tls'],
    [warehouse(), 'postgres'],
  ] as const) {
    const facts = await network.handshake(address, { ca: testStack().ca, start }, signal);
    expect(facts).toMatchObject({ subject: 'localhost', refused: undefined });
    expect(facts.expiresAtMs).toBeGreaterThan(Date.now());
    const other = await network.handshake(address, { ca: createAuthority('another').ca, start }, signal);
    expect(other.refused).toMatch(/^(UNABLE_TO|SELF_SIGNED|CERT_)/u);
  }
});

test('handshake() refuses what does not speak TLS, and what is silent once it is told to stop', async () => {
  const [host = '', port] = testStack().brokers.split(':');
  await expect(network.handshake({ host, port: Number(port) }, { ca: undefined, start: 'tls' }, signal)).rejects.toThrow();
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const place = silent.address();
  const address = { host: '127.0.0.1', port: typeof place === 'object' && place !== null ? place.port : 0 };
  for (const start of ['tls', 'postgres'] as const) {
    const stop = new AbortController();
    const asked = network.handshake(address, { ca: undefined, start }, stop.signal);
    stop.abort();
    await expect(asked).rejects.toThrow();
  }
  silent.close();
});
