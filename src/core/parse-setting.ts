// One setting's text -> its value, by its row of the table. Called by parse-config.
import type { SettingEntry } from './config.ts';

type ParsedSetting =
  | { readonly ok: true; readonly value: string | number | readonly string[] | readonly number[] }
  /** `expected` goes on from the value: `"abc" must be …`. */
  | { readonly ok: false; readonly expected: string };

/** Strict: `10 rows`, `1e3` and an empty list are refused, never guessed at. */
export function parseSetting(text: string, entry: SettingEntry): ParsedSetting {
  switch (entry.type) {
    case 'text':
      return parseText(text, entry);
    case 'list':
      return parseList(text, entry);
    case 'integer':
      return parseInteger(text, entry);
    case 'integers':
      return parseIntegers(text, entry);
    case 'choice':
      return parseChoice(text, entry);
  }
}

function parseText(text: string, { secret }: SettingEntry): ParsedSetting {
  // A password may begin or end with a space; nothing else does on purpose.
  const value = secret ? text : text.trim();
  if (value === '') return { ok: false, expected: 'must not be empty' };
  if (text.includes('\0')) return { ok: false, expected: 'must not hold a NUL character' };
  return { ok: true, value };
}

function parseList(text: string, { portDefault }: SettingEntry): ParsedSetting {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length === 0) return { ok: false, expected: 'must name at least one, separated by commas' };
  if (portDefault === undefined) return { ok: true, value: items };
  const places = items.map((item) => parseHostPort(item, portDefault));
  const wrong = items[places.indexOf(undefined)];
  if (wrong !== undefined) return { ok: false, expected: `must be host:port, separated by commas; ${JSON.stringify(wrong)} is not` };
  return { ok: true, value: places.filter((place) => place !== undefined) };
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`; a scheme as in `PLAINTEXT://host:port` is no host. */
function parseHostPort(item: string, portDefault: number): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/iu.exec(item);
  if (match === null) return undefined;
  const port = match[2] === undefined ? portDefault : Number(match[2]);
  return port >= 1 && port <= 65_535 ? `${match[1]}:${port}` : undefined;
}

function parseInteger(
  text: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER, unit }: Pick<SettingEntry, 'min' | 'max' | 'unit'>,
): ParsedSetting {
  const value = /^[+-]?\d{1,16}$/u.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return { ok: true, value };
  return { ok: false, expected: `must be a whole number from ${min} to ${max}${unit === undefined ? '' : ` (${unit})`}` };
}

function parseIntegers(text: string, { min = 0, max = Number.MAX_SAFE_INTEGER, unit }: SettingEntry): ParsedSetting {
  const items = text.split(',').map((item) => parseInteger(item, { min, max }));
  const values = items.flatMap((item) => (item.ok && typeof item.value === 'number' ? [item.value] : []));
  if (values.length === items.length) return { ok: true, value: values };
  return {
    ok: false,
    expected: `must be whole numbers from ${min} to ${max}${unit === undefined ? '' : ` (${unit})`}, separated by commas`,
  };
}

function parseChoice(text: string, { choices = [] }: SettingEntry): ParsedSetting {
  const value = text.trim().toLowerCase();
  if (choices.includes(value)) return { ok: true, value };
  return { ok: false, expected: `must be one of ${choices.join(', ')}` };
}
