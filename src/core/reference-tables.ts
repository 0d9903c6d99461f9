// The README's tables of settings and of error codes, from the tables in code. `npm run readme` writes them there;
// tests/tidy.test.ts compares.
import { SETTING_KEYS, type SettingEntry, settingEntry } from './config.ts';
import { ERROR_CODES } from './errors.ts';

/** Section name -> Markdown, to stand between `<!-- name:begin -->` and `<!-- name:end -->`. */
export function referenceTables(): Readonly<Record<'settings' | 'errors', string>> {
  return { settings: settingsTable(), errors: errorsTable() };
}

/**
 * The text with what stands between the markers replaced.
 * @throws {RangeError} where a section's markers are missing.
 */
export function withReferenceTables(text: string): string {
  return Object.entries(referenceTables()).reduce((rest, [name, table]) => {
    const pattern = new RegExp(`(<!-- ${name}:begin -->\n).*?(<!-- ${name}:end -->)`, 'su');
    if (!pattern.test(rest)) throw new RangeError(`there are no lines <!-- ${name}:begin --> and <!-- ${name}:end -->`);
    return rest.replace(pattern, (_, begin: string, end: string) => `${begin}${table}${end}`);
  }, text);
}

function settingsTable(): string {
  const rows = SETTING_KEYS.map((key) => {
    const entry = settingEntry(key);
    const flag = entry.flag === undefined ? `secret, or \`${entry.env}_FILE\`` : `\`${entry.flag}\``;
    const standard = entry.default === undefined ? '' : `\`${entry.default}\``;
    return `| \`${entry.env}\` | ${flag} | ${standard} | ${entry.about}${limits(entry)} |\n`;
  });
  return `| name | flag | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function limits({ type, choices, min, max, unit }: SettingEntry): string {
  if (choices !== undefined) return ` One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.`;
  if (type !== 'integer') return '';
  return ` ${min} to ${max}${unit === undefined || unit === 'count' ? '' : ` ${unit}`}.`;
}

function errorsTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { exit, hint }]) => `| \`${code}\` | ${exit} | ${hint.replaceAll('|', '\\|')} |\n`);
  return `| code | exit code | next step |\n| --- | --- | --- |\n${rows.join('')}`;
}
