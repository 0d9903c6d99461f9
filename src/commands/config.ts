// `gbx config explain`: every setting with its value, where that came from, and one sentence. Never fails on a wrong
// setting: it shows the problem and exits 78.
import { SETTING_KEYS, settingEntry } from '../core/config.ts';
import { EXIT } from '../core/errors.ts';
import { shownValue } from '../core/redact.ts';
import type { CommandContext } from '../run-command.ts';

interface ExplainedSetting {
  readonly key: string;
  readonly name: string;
  readonly flag: string | null;
  readonly value: string | number | null;
  readonly source: string;
  readonly default: string | number | null;
  readonly unit: string | null;
  readonly secret: boolean;
  readonly about: string;
}

export async function run(context: CommandContext): Promise<number> {
  const { problems, options, stdout } = context;
  const settings = explainSettings(context);
  if (options['json'] === true) stdout.write(`${JSON.stringify({ schema: 'gbx.config/1', settings, problems })}\n`);
  else stdout.write(formatSettings(settings, problems));
  return problems.length === 0 ? EXIT.done : EXIT.config;
}

function explainSettings({ config, sources }: Pick<CommandContext, 'config' | 'sources'>): ExplainedSetting[] {
  return SETTING_KEYS.map((key) => {
    const { env, flag, default: standard, unit, secret, about } = settingEntry(key);
    return {
      key,
      name: env,
      flag: flag ?? null,
      value: shownValue(config, key) ?? null,
      source: sources[key],
      default: standard ?? null,
      unit: unit ?? null,
      secret: secret === true,
      about,
    };
  });
}

function formatSettings(settings: readonly ExplainedSetting[], problems: CommandContext['problems']): string {
  const lines = settings.map(({ name, value, source, default: standard, unit, about }) => {
    const shown = value === null ? '(not set)' : `${value}${unit === null || unit === 'count' ? '' : ` ${unit}`}`;
    const usual = standard !== null && source !== 'default' ? `, default ${standard}` : '';
    return `${name} = ${shown}   [${source}${usual}]\n    ${about}`;
  });
  const wrong = problems.map(({ name, source, message }) => `✗ ${name} (${source}): ${message}`);
  if (wrong.length > 0) lines.push(`\n${wrong.length === 1 ? 'One setting is' : `${wrong.length} settings are`} wrong:`, ...wrong);
  return `${lines.join('\n')}\n`;
}
