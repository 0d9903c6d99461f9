// Contract: a fault hits exactly the statement that was meant, whole messages at a time, on the real server's protocol.
import pg from 'pg';
import { expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { type FrontendMessage, type MessageFate, type OnMessage, onStatement, openPostgresProxy } from './postgres-proxy.ts';
import { openDatabase, type TestDatabase, testStack } from './stack.ts';

async function openThrough(database: TestDatabase, onMessage: OnMessage) {
  const proxy = await openPostgresProxy({ target: testStack().postgres, onMessage });
  const client = new pg.Client({ ...testStack().postgres, port: proxy.port, database: database.name });
  client.on('error', () => undefined);
  await client.connect();
  const dispose = async (): Promise<void> => {
    await client.end().catch(() => undefined);
    await proxy[Symbol.asyncDispose]();
  };
  return { client, [Symbol.asyncDispose]: dispose };
}

it('onStatement() cut keeps the statement from the server', async () => {
  await using database = await openDatabase({ migrated: false });
  await database.query('create table t (a int)');
  const fault = onStatement({ sql: /insert into t/, nth: 2 }, () => 'cut');
  await using through = await openThrough(database, fault.onMessage);
  await through.client.query('insert into t values ($1)', [1]);
  await expect(through.client.query('insert into t values ($1)', [2])).rejects.toThrow();
  await fault.done;
  expect(await database.query('select a from t')).toEqual([{ a: 1 }]);
});

it('onStatement() lose-answer lets the server do it and the client never know, simple and extended protocol', async () => {
  await using database = await openDatabase({ migrated: false });
  await database.query('create table t (a int)');
  const simple = onStatement({ sql: /^commit$/i }, () => 'lose-answer');
  await using one = await openThrough(database, simple.onMessage);
  await one.client.query('begin');
  await one.client.query('insert into t values (1)');
  await expect(one.client.query('commit')).rejects.toThrow();
  const extended = onStatement({ sql: /insert/ }, () => 'lose-answer');
  await using two = await openThrough(database, extended.onMessage);
  await expect(two.client.query('insert into t values ($1)', [2])).rejects.toThrow();
  await eventually('both rows', async () => (await database.query('select a from t')).length === 2);
});

it('openPostgresProxy() waits for the hook before it forwards, and counts statements', async () => {
  await using database = await openDatabase({ migrated: false });
  await database.query('create table t (a int)');
  const seen: FrontendMessage[] = [];
  const counts: number[] = [];
  await using through = await openThrough(database, async (message): Promise<MessageFate> => {
    seen.push(message);
    if (message.sql?.startsWith('insert') && message.statement) counts.push((await database.query('select a from t')).length);
    return 'forward';
  });
  await through.client.query('insert into t values (1)');
  await through.client.query({ name: 'named', text: 'insert into t values ($1)', values: [2] });
  await through.client.query({ name: 'named', text: 'insert into t values ($1)', values: [3] });
  expect(counts).toEqual([0, 1, 2]);
  expect(seen.map(({ statement }) => statement?.inAll).filter((n) => n !== undefined)).toEqual([1, 2, 3]);
  expect(seen.filter(({ type }) => type === 'Parse')).toHaveLength(1);
});
