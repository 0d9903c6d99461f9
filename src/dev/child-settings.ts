// The settings that `gbx dev` hands to its children: all of them, as environment variables, so that a flag given to
// `gbx dev` reaches serve and consume, and a secret never stands on a command line.
import { type Config, SETTING_KEYS, settingEntry } from '../core/config.ts';

/** Name -> text; undefined takes an inherited variable away. */
export function childSettings(config: Config): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = {};
  for (const key of SETTING_KEYS) {
    const { env: name, secret } = settingEntry(key);
    const value = config[key];
    env[name] = value === undefined ? undefined : typeof value === 'object' ? value.join(',') : String(value);
    // Given by value: the same by file would be given twice.
    if (secret) env[`${name}_FILE`] = undefined;
  }
  return env;
}
