// Contract: openPostgres gives a real PostgreSQL that takes Redshift's DDL in every database, asks for the password, keeps
// its data over restarts however it ended, and works below a folder that only root may enter.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPostgres, type PostgresServer } from '../../src/dev/postgres-server.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gbx-postgres-'));
  await chmod(dir, 0o755);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (dataDir = join(dir, 'pg')): Promise<PostgresServer> => openPostgres({ dataDir, password: 'right' });

async function query({ host, port, user, database }: PostgresServer, sql: string, password = 'right'): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host, port, user, database, password });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('openPostgres()', () => {
  it('refuses a wrong password', async () => {
    await using server = await open();
    await expect(query(server, 'select 1', 'wrong')).rejects.toMatchObject({ code: '28P01' });
  });

  it('does not take another server for its own', async () => {
    await using other = await open(join(dir, 'other'));
    const onItsPort = openPostgres({ dataDir: join(dir, 'pg'), password: 'right', port: other.port });
    await expect(onItsPort).rejects.toMatchObject({ code: 'GBX_LOCAL_STACK', message: expect.stringContaining('Address already in use') });
  });

  it('keeps its data and the Redshift shims after a stop and after kill -9', async () => {
    {
      await using first = await open();
      await query(first, `create table t (a super); insert into t values (json_parse('{"b":[1,2]}'))`);
    }
    {
      await using second = await open();
      expect(await query(second, `select a, current_setting('timezone') tz, current_setting('server_encoding') enc from t`)).toEqual([
        { a: { b: [1, 2] }, tz: 'UTC', enc: 'UTF8' },
      ]);
      process.kill(second.pid, 'SIGKILL');
      await second.exited;
    }
    await using third = await open();
    expect(await query(third, 'select a from t')).toHaveLength(1);
  });

  it('works below a folder that only its owner may enter, and says where the data is', async () => {
    const home = await mkdtemp(join(dir, 'home-'));
    await chmod(home, 0o700);
    await using server = await open(join(home, 'pg'));
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    if (process.getuid?.() === 0) expect(server.dataDir).toMatch(/^\/var\/lib\/gbx\//);
    else expect(server.dataDir).toBe(join(home, 'pg'));
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  });
});
