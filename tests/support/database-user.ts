// A user of PostgreSQL with a name of its own and the rights of one test; users are of the whole server, so it is dropped.
import { randomUUID } from 'node:crypto';
import type { TestDatabase } from './stack.ts';

export interface DatabaseUser {
  readonly name: string;
  /** DB_USER and DB_PASSWORD. */
  readonly env: Readonly<Record<string, string>>;
}

/** Grants of a consumer: what docs/deploy.md asks for. */
export function consumerGrants(database: TestDatabase): (user: string) => string {
  return (user) => `GRANT USAGE ON SCHEMA growthbook TO ${user}; GRANT SELECT, INSERT, UPDATE ON growthbook.gbx_ledger TO ${user};
    GRANT SELECT, INSERT ON growthbook.experiment_exposures TO ${user}; GRANT TEMPORARY ON DATABASE ${database.name} TO ${user}`;
}

export async function withUser(
  database: TestDatabase,
  grants: (user: string) => string,
  work: (user: DatabaseUser) => Promise<void>,
): Promise<void> {
  const name = `u_${randomUUID().slice(0, 8)}`;
  await database.query(`CREATE USER ${name} PASSWORD 'of ${name}'`);
  try {
    await database.query(grants(name));
    await work({ name, env: { DB_USER: name, DB_PASSWORD: `of ${name}` } });
  } finally {
    await database.query(`DROP OWNED BY ${name}; DROP USER ${name}`);
  }
}
