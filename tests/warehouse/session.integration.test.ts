// What a session is set to, asked of a real server whose own defaults are others.
import { expect, test } from 'vitest';
import { openSession } from '../../src/warehouse/session.ts';
import { openDatabase } from '../support/stack.ts';

test('a session speaks UTC whatever the database does', async () => {
  await using database = await openDatabase({ migrated: false });
  await database.query(`ALTER DATABASE ${database.name} SET timezone TO 'Asia/Tokyo'`);
  await using session = await openSession(database.connection, { doing: 'look' });
  const { rows } = await session.query(
    `SELECT current_setting('timezone') AS zone, (TIMESTAMPTZ '2026-01-15 12:00+00')::timestamp AS noon`,
  );
  expect(rows).toEqual([{ zone: 'UTC', noon: '2026-01-15 12:00:00' }]);
});
