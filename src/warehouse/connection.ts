// Where the warehouse is and how to speak to it: made by src/connections.ts from the settings, used by every open* here.
import type { Clock, Random } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';

export interface WarehouseConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** `ca`: PEM text of the authority; without it the ones that Node trusts. On means verified, always. */
  readonly tls: { readonly kind: 'off' } | { readonly kind: 'on'; readonly ca?: string };
  /** `auto` asks the server for its version. */
  readonly dialect: 'auto' | DialectName;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** The SQL that is spoken; the Redshift one runs on PostgreSQL too, for tests. */
export type DialectName = 'redshift' | 'postgres';

/** For messages: everything but the password. */
export function describeConnection({
  user,
  host,
  port,
  database,
}: Pick<WarehouseConnection, 'user' | 'host' | 'port' | 'database'>): string {
  return `${user}@${host}:${port}/${database}`;
}
