// Whether a terminal is to be sent more than ASCII: decided by the locale, in the order in which POSIX looks at it. Called by
// cli.ts for the views that draw.

type Env = Readonly<Record<string, string | undefined>>;

/** @param platform as Node names it; Windows has no such variables, and its terminals take UTF-8 */
export function speaksUnicode(env: Env, platform: string): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '');
  if (locale === undefined) return platform === 'win32';
  return /utf-?8/iu.test(locale);
}
