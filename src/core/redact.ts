// Keeps secrets out of what gbx prints: by the settings that are marked as secret, and by the shape of URLs.
import { type Config, SETTING_KEYS, type SettingKey, settingEntry } from './config.ts';

const MASK = '[secret]';

/** The texts that must never be printed: each secret setting, and the password inside each that is a URL. */
export function secretTexts(config: Config): readonly string[] {
  const texts = SETTING_KEYS.filter((key) => settingEntry(key).secret).flatMap((key) => config[key] ?? []);
  return texts.flatMap((text) => {
    const password = /^[a-z][a-z0-9+.-]*:\/\/[^:@/]*:([^@/]+)@/iu.exec(String(text))?.[1];
    return password === undefined ? [String(text)] : [String(text), password];
  });
}

/** The text with the secrets blotted out, and with them every password in a URL. */
export function redact(text: string, secrets: readonly string[]): string {
  // Longest first: one secret may be part of another. Very short ones would blot out ordinary words.
  const inOrder = secrets.filter((secret) => secret.length > 3).sort((a, b) => b.length - a.length);
  const blotted = inOrder.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
  return blotted.replaceAll(/(:\/\/[^\s:@/]*:)[^\s@/]+@/gu, `$1${MASK}@`);
}

/** A setting as it may be shown: secrets masked, lists joined; undefined where it is not set. */
export function shownValue(config: Config, key: SettingKey): string | number | undefined {
  const value = config[key];
  if (value === undefined) return undefined;
  if (settingEntry(key).secret) return MASK;
  return typeof value === 'object' ? value.join(',') : value;
}
