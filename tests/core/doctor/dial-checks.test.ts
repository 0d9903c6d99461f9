import { expect, test } from 'vitest';
import { judgeCertificate, judgeDials } from '../../../src/core/doctor/dial-checks.ts';
import { judgeListeners } from '../../../src/core/doctor/kafka-checks.ts';
import { judgeMigrations, judgeServer, judgeSession, judgeTable, judgeWarehouseRights } from '../../../src/core/doctor/warehouse-checks.ts';

const DAY_MS = 86_400_000;
const context = { name: 'h:1', nowMs: 0, ca: 'GBX_DB_CA_FILE' };

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
  const finding = judgeListeners(brokers, [undefined, 'not known'], [{ host: 'a', port: 1 }]);
  expect(finding).toMatchObject({ state: 'fail', found: 'broker 2 at kafka:9092: not known' });
  expect(finding.todo).toContain('advertised.listeners');
  expect(judgeListeners(brokers, [undefined, undefined], []).state).toBe('ok');
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
