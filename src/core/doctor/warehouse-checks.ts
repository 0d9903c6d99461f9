// The checks of `gbx doctor` about the warehouse: reached, logged in, the table as it must be, and allowed to load into it.
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { GbxError } from '../errors.ts';
import type { MigrationPlan } from '../migrate/plan.ts';
import { decideTls } from '../tls-policy.ts';
import { type Check, type Finding, fail, ok, plural, timeText, unknown, warn } from './check.ts';
import { dialChecks } from './dial-checks.ts';
import type { Network, RightFacts, ServerFacts, WarehouseProbe } from './ports.ts';

export interface WarehouseDeps {
  readonly config: Config;
  readonly network: Network;
  readonly clock: Clock;
  readonly warehouse: () => WarehouseProbe;
}

const MIGRATE = 'bring the schema up to date: gbx migrate up';
const GRANT = 'grant the rights that docs/deploy.md lists';

export function warehouseChecks({ config, network, clock, warehouse }: WarehouseDeps): readonly Check[] {
  const check = (name: string, needs: readonly string[], ask: Check['ask']): Check => ({
    id: `warehouse.${name}`,
    area: 'warehouse',
    needs,
    ask,
  });
  return [
    ...dialChecks({
      area: 'warehouse',
      needs: ['config.warehouse'],
      network,
      clock,
      targets: () => [warehouse()],
      tls: () => warehouse().tls,
      isExposed: config.dbHost !== undefined && decideTls(config.dbTls, [config.dbHost]).exposed,
      start: 'postgres',
      settings: { address: 'DB_HOST and DB_PORT', tls: 'GBX_DB_TLS', ca: 'GBX_DB_CA_FILE' },
    }),
    check('login', ['warehouse.tls'], async () => {
      await warehouse().server();
      return ok(`${warehouse().name} lets this login in`);
    }),
    check('server', ['warehouse.login'], async () => judgeServer(await warehouse().server())),
    check('isolation', ['warehouse.login'], async () => judgeIsolation(await warehouse().server())),
    check('session', ['warehouse.login'], async () => judgeSession(await warehouse().server(), config.batchTimeoutSeconds * 1000)),
    check('table', ['warehouse.login'], async () => {
      const differences = await warehouse().tableDifferences();
      return judgeTable(differences, differences === undefined || (await warehouse().hasLedger()));
    }),
    check('rights', ['warehouse.table'], async () => judgeWarehouseRights(await warehouse().rights())),
    check('migrations', ['warehouse.login'], async () => {
      try {
        return judgeMigrations(await warehouse().migrations());
      } catch (error) {
        if (!(error instanceof GbxError) || error.code !== 'GBX_WAREHOUSE_PERMISSION') throw error;
        return unknown('this login may not read growthbook.gbx_migrations, and needs not', 'ask with the login of gbx migrate');
      }
    }),
  ];
}

export function judgeServer({ server, version, dialect }: Pick<ServerFacts, 'server' | 'version' | 'dialect'>): Finding {
  const found = `${server === 'redshift' ? 'Amazon Redshift' : 'PostgreSQL'} ${version}`;
  if (dialect === server) return ok(found);
  const words = `${found}, spoken to as ${dialect}`;
  if (dialect === 'redshift') return ok(words);
  return fail(`${words}: Redshift has no COPY from a client`, 'set GBX_DB_DIALECT=auto');
}

export function judgeIsolation({ isolation }: Pick<ServerFacts, 'isolation'>): Finding {
  if (isolation === undefined) return unknown('the server does not tell its isolation level; gbx is right at each of them');
  return ok(`${isolation}; gbx is right at each level`);
}

export function judgeSession({ idleTimeoutMs }: Pick<ServerFacts, 'idleTimeoutMs'>, batchMs: number): Finding {
  if (idleTimeoutMs === undefined) return unknown('the server does not tell when it ends idle sessions');
  if (idleTimeoutMs === 0) return ok('idle sessions are never ended');
  const found = `idle sessions are ended after ${timeText(idleTimeoutMs)}`;
  if (idleTimeoutMs > 2 * batchMs) return ok(found);
  const words = `${found}, and batches come every ${timeText(batchMs)}: each has to log in anew`;
  return warn(words, 'lengthen the session timeout of this user, or lower BATCH_TIMEOUT_SECONDS');
}

/** @param differences undefined where there is no table */
export function judgeTable(differences: readonly string[] | undefined, hasLedger: boolean): Finding {
  const table = 'growthbook.experiment_exposures';
  if (differences === undefined) return fail(`${table} is not there, or kept from this login`, `gbx migrate up, or ${GRANT}`);
  if (differences.length > 0) return fail(`${table}: ${differences.join('; ')}`, 'alter it to match sql/0001_experiment_exposures.sql');
  return hasLedger ? ok(`${table} and the ledger are as they must be`) : fail('growthbook.gbx_ledger is not there', MIGRATE);
}

export function judgeWarehouseRights(rights: readonly RightFacts[]): Finding {
  const missing = rights.filter(({ has }) => !has).map(({ right }) => right);
  if (missing.length === 0) return ok('this login may load and read');
  const readable = rights.some(({ right, has }) => has && right.startsWith('SELECT on growthbook.experiment_exposures'));
  const found = `not granted: ${missing.join(', ')}`;
  return readable ? warn(`${found}: enough to read, not for gbx consume`, GRANT) : fail(found, GRANT);
}

export function judgeMigrations({
  entries,
  pending,
  drift,
  warnings,
}: Pick<MigrationPlan, 'entries' | 'pending' | 'drift' | 'warnings'>): Finding {
  if (drift.length > 0) return fail(drift.join('; '), 'put the applied file back as it was, and make a new migration');
  if (pending.length > 0) return fail(`not applied: ${pending.map(({ name }) => name).join(', ')}`, MIGRATE);
  if (warnings.length > 0) return warn(warnings.join('; '), 'run the newest gbx everywhere');
  return ok(`${plural(entries.length, 'migration')} applied, none left`);
}
