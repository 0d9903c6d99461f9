import { describe, expect, test } from 'vitest';
import { dialChecks, judgeCertificate, judgeDials } from '../../../src/core/doctor/dial-checks.ts';
import { judgeListeners } from '../../../src/core/doctor/kafka-checks.ts';
import type { Network } from '../../../src/core/doctor/ports.ts';
import { runChecks } from '../../../src/core/doctor/run-checks.ts';
import { judgeMigrations, judgeServer, judgeSession, judgeTable, judgeWarehouseRights } from '../../../src/core/doctor/warehouse-checks.ts';
import { manualClock } from '../../support/clock.ts';

const DAY_MS = 86_400_000;
const context = { name: 'h:1', nowMs: 0, ca: 'GBX_DB_CA_FILE' };

const NEVER = new Promise<never>(() => undefined);
const GOOD: Network = {
  resolve: async () => ['10.0.0.1'],
  dial: async () => undefined,
  handshake: async () => ({ subject: 's', expiresAtMs: Date.UTC(2027, 0, 1), refused: undefined }),
};

/** The checks of two seeds, `one:1` and `two:2`, in a network that is good save for what is given. */
async function checkTwo(over: Partial<Network>) {
  const clock = manualClock();
  const checks = dialChecks({
    area: 'kafka',
    needs: [],
    network: { ...GOOD, ...over },
    targets: () => [
      { host: 'one', port: 1 },
      { host: 'two', port: 2 },
    ],
    tls: () => ({ kind: 'on' }),
    isExposed: false,
    start: 'tls',
    settings: { address: 'ADDRESS', tls: 'TLS', ca: 'CA' },
    clock,
  });
  const running = runChecks(checks, { clock, timeoutMs: 5_000, signal: new AbortController().signal, onResult: () => undefined });
  for (let halfSeconds = 0; halfSeconds < 40; halfSeconds++) await clock.advance(500);
  const [dns, tcp, tls] = await running;
  return { dns, tcp, tls };
}

describe('dialChecks()', () => {
  test('fail at the first step that no address takes, and leave out those behind it', async () => {
    const { dns, tcp, tls } = await checkTwo({ dial: () => Promise.reject(new Error('down')) });
    expect([dns?.state, tcp?.state, tls?.state]).toEqual(['ok', 'fail', 'skipped']);
  });

  test('ask for no certificate where nobody was reached, and are content with those that were', async () => {
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    const asked: string[] = [];
    const { tcp, tls } = await checkTwo({
      dial: ({ host }) => (host === 'one' ? Promise.reject(refused) : Promise.resolve()),
      handshake: (address, ...rest) => {
        asked.push(address.host);
        return GOOD.handshake(address, ...rest);
      },
    });
    expect(tcp).toMatchObject({ state: 'warn', found: 'one:1: nothing listens there (ECONNREFUSED); the others (1 of 2) work' });
    expect(tls).toMatchObject({ state: 'ok', found: expect.stringMatching(/^certificate of two:2/u) });
    expect(asked).toEqual(['two']);
  });

  test('fail where one that was reached speaks no TLS', async () => {
    const { tcp, tls } = await checkTwo({
      handshake: (address, ...rest) => (address.host === 'one' ? Promise.reject(new Error('hung up')) : GOOD.handshake(address, ...rest)),
    });
    expect(tcp?.state).toBe('ok');
    expect(tls).toMatchObject({ state: 'fail', found: 'one:1: hung up', todo: expect.stringContaining('TLS=off') });
  });

  test('give each name and address its own limit, so that one that never answers does not lose the others', async () => {
    const names = await checkTwo({ resolve: (host) => (host === 'one' ? NEVER : GOOD.resolve(host)) });
    expect(names.dns).toMatchObject({ state: 'warn', found: 'one: no answer within 3.5 s; the others (1 of 2) work' });
    let isTold = false;
    const addresses = await checkTwo({
      dial: ({ host }, signal) => {
        if (host !== 'one') return Promise.resolve();
        signal.addEventListener('abort', () => {
          isTold = true;
        });
        return NEVER;
      },
    });
    expect(addresses.tcp).toMatchObject({ state: 'warn', found: 'one:1: no answer within 3.5 s; the others (1 of 2) work' });
    expect(addresses.tls?.state).toBe('ok');
    expect(isTold).toBe(true);
    const handshakes = await checkTwo({
      handshake: (address, ...rest) => (address.host === 'one' ? NEVER : GOOD.handshake(address, ...rest)),
    });
    expect(handshakes.tls).toMatchObject({ state: 'fail', found: 'one:1: no answer within 3.5 s' });
  });
});

test.each([
  [-3 * DAY_MS, undefined, 'fail', 'expired 3 days ago'],
  [90 * DAY_MS, 'ERR_TLS_CERT_ALTNAME_INVALID', 'fail', 'is for another host'],
  [90 * DAY_MS, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'fail', 'is not trusted'],
  [10 * DAY_MS, undefined, 'warn', 'expires in 10 days'],
  [90 * DAY_MS, undefined, 'ok', 'is good for 90 days'],
])('judgeCertificate() that ends in %i ms, refused by %s, is %s', (expiresAtMs, refused, state, found) => {
  const finding = judgeCertificate({ subject: 's', expiresAtMs, refused }, context);
  expect(finding.state).toBe(state);
  expect(finding.found).toContain(found);
});

test('judgeDials() warns where some work, and fails where none does', () => {
  const words = { good: 'all', todo: 'mend', partial: 'later' };
  expect(judgeDials([{ name: 'a' }], words)).toMatchObject({ state: 'ok', found: 'all' });
  expect(judgeDials([{ name: 'a' }, { name: 'b', why: 'x' }], words)).toMatchObject({ state: 'warn', todo: 'later' });
  expect(judgeDials([{ name: 'b', why: 'x' }], words)).toMatchObject({ state: 'fail', found: 'b: x', todo: 'mend' });
});

test('judgeListeners() fails where one broker of several is advertised where it is not reached', () => {
  const brokers = [
    { id: 1, host: 'a', port: 1 },
    { id: 2, host: 'kafka', port: 9092 },
  ];
  const finding = judgeListeners(brokers, [undefined, 'not known'], { host: 'a', port: 1 });
  expect(finding).toMatchObject({ state: 'fail', found: 'broker 2 at kafka:9092: not known' });
  expect(finding.todo).toMatch(/advertised\.listeners.* \(a:1 is\)$/u);
  expect(judgeListeners(brokers, [undefined, undefined], { host: 'a', port: 1 }).state).toBe('ok');
});

test('judgeServer() fails where the client’s COPY is spoken to Redshift', () => {
  expect(judgeServer({ server: 'redshift', version: '1.0', dialect: 'postgres' }).state).toBe('fail');
  expect(judgeServer({ server: 'postgres', version: '17', dialect: 'redshift' }).state).toBe('ok');
});

test('judgeSession() warns where each batch would have to log in anew', () => {
  expect(judgeSession({ idleTimeoutMs: undefined }, 30_000).state).toBe('unknown');
  expect(judgeSession({ idleTimeoutMs: 0 }, 30_000).state).toBe('ok');
  expect(judgeSession({ idleTimeoutMs: 60_000 }, 30_000).state).toBe('warn');
  expect(judgeSession({ idleTimeoutMs: 3_600_000 }, 30_000).state).toBe('ok');
});

test('judgeTable() tells a missing table from a different one and from a missing ledger', () => {
  expect(judgeTable(undefined, false).found).toContain('is not there');
  expect(judgeTable(['ts is missing'], true).found).toContain('ts is missing');
  expect(judgeTable([], false)).toMatchObject({ state: 'fail', found: 'growthbook.gbx_ledger is not there' });
  expect(judgeTable([], true).state).toBe('ok');
});

test('judgeWarehouseRights() tells a login that only reads from one that can do nothing', () => {
  const read = { right: 'SELECT on growthbook.experiment_exposures', has: true };
  const insert = { right: 'INSERT on growthbook.experiment_exposures', has: false };
  expect(judgeWarehouseRights([read]).state).toBe('ok');
  expect(judgeWarehouseRights([read, insert]).state).toBe('warn');
  expect(judgeWarehouseRights([{ ...read, has: false }, insert]).state).toBe('fail');
});

test('judgeMigrations() fails for drift and for what is not applied, and warns of a newer gbx', () => {
  const plan = { entries: [], pending: [], drift: [], warnings: [] };
  const pending = [{ version: 3, name: '0003_x.sql', sql: '', checksum: '' }];
  expect(judgeMigrations(plan).state).toBe('ok');
  expect(judgeMigrations({ ...plan, pending })).toMatchObject({ state: 'fail', found: 'not applied: 0003_x.sql' });
  expect(judgeMigrations({ ...plan, pending, drift: ['changed'] }).found).toBe('changed');
  expect(judgeMigrations({ ...plan, warnings: ['newer'] }).state).toBe('warn');
});
