// `gbx migrate status | plan | up`: the schema of the warehouse and the topics. status and plan write nothing.
import { kafkaConnection, warehouseConnection } from '../connections.ts';
import { EXIT } from '../core/errors.ts';
import { type AppliedNow, assertNoDrift, type MigrationTarget, migrateUp } from '../core/migrate/migrate-up.ts';
import { type Migration, parseMigrations } from '../core/migrate/migration.ts';
import { type MigrationPlan, type PlanEntry, planMigrations } from '../core/migrate/plan.ts';
import { lookUpTopics, missingTopics, type TopicEntry, type WantedTopic, wantedTopics } from '../core/migrate/plan-topics.ts';
import { readMigrationFiles } from '../files/read-migrations.ts';
import { type KafkaAdmin, openAdmin } from '../kafka/open-admin.ts';
import type { CommandContext } from '../run-command.ts';
import { describeConnection } from '../warehouse/connection.ts';
import { openMigrator } from '../warehouse/open-migrator.ts';

const PARTITIONS_DEFAULT = 6;

/** What all three actions look at. `topics` is undefined where no brokers are set. */
interface Found {
  readonly warehouse: string;
  readonly migrations: readonly Migration[];
  readonly target: MigrationTarget;
  readonly plan: MigrationPlan;
  readonly admin: KafkaAdmin | undefined;
  readonly topics: readonly TopicEntry[] | undefined;
}

/** @throws {GbxError} GBX_MIGRATION_DRIFT, GBX_MIGRATION_FAILED, GBX_WAREHOUSE_BUSY, and what the servers make it throw */
export async function run(context: CommandContext): Promise<number> {
  const connection = warehouseConnection(context, { clientId: 'gbx-migrate' });
  const migrations = parseMigrations(await readMigrationFiles());
  await using target = openMigrator(connection);
  await using admin = await openKafka(context);
  const plan = planMigrations(migrations, await target.history());
  const topics = admin && (await lookUpTopics(topicsOf(context), (topic) => admin.topicPartitions(topic)));
  const found: Found = { warehouse: describeConnection(connection), migrations, target, plan, admin, topics };
  for (const warning of plan.warnings) context.log.warn('migrations.unknown', { warning });
  if (context.args[0] === 'status') return showStatus(context, found);
  assertNoDrift(plan);
  if (context.args[0] === 'plan' || context.options['dryRun'] === true) return await showPlan(context, found);
  // Awaited here: what is returned unawaited would outlive the connections.
  return await up(context, found);
}

/** Migrating the warehouse alone is a thing to do, from a machine that no broker can be reached from. */
async function openKafka(context: CommandContext): Promise<KafkaAdmin | undefined> {
  if (context.config.kafkaBootstrapServers === undefined) return undefined;
  return openAdmin(kafkaConnection(context, { clientId: 'gbx-migrate' }));
}

function topicsOf({ config, options }: CommandContext): readonly WantedTopic[] {
  const { partitions, replication } = options;
  return wantedTopics({
    topic: config.kafkaTopic,
    deadLetterTopic: config.deadLetterTopic,
    retryTopic: config.retryTopic,
    partitions: typeof partitions === 'number' ? partitions : PARTITIONS_DEFAULT,
    replication: typeof replication === 'number' ? replication : undefined,
  });
}

function isUpToDate({ plan, topics }: Found): boolean {
  return plan.pending.length === 0 && plan.drift.length === 0 && missingTopics(topics ?? []).length === 0;
}

const NO_TOPICS = 'topics: not looked at, as KAFKA_BOOTSTRAP_SERVERS is not set';
const MARKS = { applied: '✓', pending: '○', drifted: '✗', unknown: '?' } as const;

function showStatus({ options, stdout }: CommandContext, found: Found): number {
  const { warehouse, plan, topics } = found;
  const upToDate = isUpToDate(found);
  if (options['json'] === true) {
    const document = {
      schema: 'gbx.migrate-status/1',
      warehouse,
      upToDate,
      migrations: plan.entries.map(toJson),
      drift: plan.drift,
      warnings: plan.warnings,
      topics: topics?.map(({ wanted, partitions }) => ({ topic: wanted.topic, partitions: partitions ?? null })) ?? null,
    };
    stdout.write(`${JSON.stringify(document)}\n`);
  } else {
    const rows = plan.entries.map(({ state, name, applied }) => [
      `${MARKS[state]} ${state}`,
      name,
      applied ? `${applied.appliedAt} UTC by ${applied.appliedBy}` : '',
    ]);
    for (const { wanted, partitions } of topics ?? []) {
      rows.push([
        partitions === undefined ? '○ missing' : '✓ there',
        `topic ${wanted.topic}`,
        partitions === undefined ? '' : `${partitions} partitions`,
      ]);
    }
    const lines = [warehouse, ...formatTable(rows), ...(topics ? [] : [NO_TOPICS]), ...plan.drift.map((why) => `✗ ${why}`)];
    lines.push(upToDate ? 'up to date' : plan.drift.length > 0 ? 'does not match' : 'to do: gbx migrate up');
    stdout.write(`${lines.join('\n')}\n`);
  }
  return upToDate || options['check'] !== true ? EXIT.done : EXIT.no;
}

function toJson({ state, version, name, migration, applied }: PlanEntry): Readonly<Record<string, string | number | null>> {
  return {
    state,
    version,
    name,
    checksum: migration?.checksum ?? null,
    appliedChecksum: applied?.checksum ?? null,
    appliedAt: applied === undefined ? null : `${applied.appliedAt.replace(' ', 'T')}Z`,
    appliedBy: applied?.appliedBy ?? null,
  };
}

async function showPlan({ options, stdout }: CommandContext, found: Found): Promise<number> {
  const { warehouse, plan, target, topics } = found;
  const steps: { name: string; adopts: boolean; sql: string }[] = [];
  for (const migration of plan.pending) {
    steps.push({ name: migration.name, adopts: await target.isMadeByHand(migration), sql: migration.sql });
  }
  const create = topics && missingTopics(topics);
  if (options['json'] === true) {
    stdout.write(`${JSON.stringify({ schema: 'gbx.migrate-plan/1', warehouse, migrations: steps, topics: create ?? null })}\n`);
    return EXIT.done;
  }
  const lines = [warehouse];
  for (const { name, adopts, sql } of steps) {
    lines.push('', adopts ? `adopt what stands there as ${name}; would be:` : `apply ${name}, in one transaction:`);
    lines.push(
      ...sql
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  }
  if (steps.length + (create?.length ?? 0) > 0) lines.push('');
  for (const topic of create ?? []) lines.push(`create ${describeTopic(topic)}`);
  if (create === undefined) lines.push(NO_TOPICS);
  if (isUpToDate(found)) lines.push('nothing to do');
  stdout.write(`${lines.join('\n')}\n`);
  return EXIT.done;
}

function describeTopic({ topic, partitions, replication, config }: WantedTopic): string {
  const copies = replication < 0 ? "the brokers' default of copies" : `${replication} ${replication === 1 ? 'copy' : 'copies'}`;
  const settings = Object.entries(config).map(([name, value]) => `, ${name}=${value}`);
  return `topic ${topic}: ${partitions} partitions, ${copies}${settings.join('')}`;
}

async function up({ options, stdout, signal }: CommandContext, found: Found): Promise<number> {
  const { target, migrations, admin, topics } = found;
  const isJson = options['json'] === true;
  const say = (line: string): void => {
    if (!isJson) stdout.write(`${line}\n`);
  };
  const onApplied = ({ migration, adopted, durationMs }: AppliedNow): void =>
    say(
      adopted
        ? `✓ adopted ${migration.name}: the table stands there already`
        : `✓ applied ${migration.name} in ${Math.round(durationMs)} ms`,
    );

  const applied = await migrateUp({ target, migrations, onApplied }, signal);
  const created: string[] = [];
  for (const topic of missingTopics(topics ?? [])) {
    if (signal.aborted || !(await admin?.createTopic(topic))) continue;
    created.push(topic.topic);
    say(`✓ created ${describeTopic(topic)}`);
  }
  if (topics === undefined) say(NO_TOPICS);
  if (applied.length + created.length === 0) say('up to date: nothing to do');
  if (isJson) {
    const migrationsDone = applied.map(({ migration, adopted, durationMs }) => ({
      name: migration.name,
      adopted,
      durationMs: Math.round(durationMs),
    }));
    stdout.write(
      `${JSON.stringify({ schema: 'gbx.migrate-up/1', warehouse: found.warehouse, migrations: migrationsDone, topics: created })}\n`,
    );
  }
  return EXIT.done;
}

function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
