// The report that `gbx doctor --bundle` writes: what a stranger needs to help, and no secret. Everything but the checks is as
// far as it can be had: what cannot be had says why.
import { type Config, SETTING_KEYS, type Sources, settingEntry } from '../config.ts';
import { asGbxError } from '../errors.ts';
import type { ConfigProblem } from '../parse-config.ts';
import { redact, secretTexts, shownValue } from '../redact.ts';
import type { WarehouseProbe } from './ports.ts';
import type { toDocument } from './report.ts';

interface BundleFacts {
  readonly config: Config;
  readonly sources: Sources;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
  /** Versions and platform. */
  readonly runtime: Readonly<Record<string, unknown>>;
  readonly document: ReturnType<typeof toDocument>;
  readonly warehouse: () => Pick<WarehouseProbe, 'migrations'>;
  /** Text of /metrics, or why it was not read. */
  readonly readMetrics: (address: { readonly host: string; readonly port: number }) => Promise<string>;
}

/** @returns indented JSON, secrets blotted out wherever they stand */
export async function formatBundle(facts: BundleFacts): Promise<string> {
  const { config, sources, problems, warnings, runtime, document, warehouse, readMetrics } = facts;
  const [migrations, consume, serve] = await Promise.all([
    lastMigrations(document, warehouse),
    readMetrics({ host: config.adminHost, port: config.adminPort }),
    readMetrics({ host: '127.0.0.1', port: config.httpPort }),
  ]);
  const bundle = {
    schema: 'gbx.bundle/1',
    runtime,
    doctor: document,
    settings: SETTING_KEYS.map((key) => ({ name: settingEntry(key).env, value: shownValue(config, key) ?? null, source: sources[key] })),
    problems,
    warnings,
    migrations,
    metrics: { consume, serve },
  };
  // As they would stand in JSON too: a quote in a password is written with a backslash there.
  const secrets = secretTexts(config).flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  return `${redact(JSON.stringify(bundle, undefined, 2), secrets)}\n`;
}

async function lastMigrations({ checks }: BundleFacts['document'], warehouse: BundleFacts['warehouse']): Promise<unknown> {
  const login = checks.find(({ id }) => id === 'warehouse.login');
  if (login?.state !== 'ok') return `not read: the warehouse was ${login === undefined ? 'not asked' : 'not reached'}`;
  try {
    const { entries } = await warehouse().migrations();
    return entries.map(({ state, name, applied }) => ({
      name,
      state,
      appliedAt: applied?.appliedAt ?? null,
      appliedBy: applied?.appliedBy ?? null,
    }));
  } catch (error) {
    return `not read: ${asGbxError(error).message}`;
  }
}
