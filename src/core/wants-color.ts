// Whether a stream gets colour: asked for stdout and stderr each, since one may be a terminal while the other is a file.
// The order is that of the wishes: FORCE_COLOR (force-color.org), NO_COLOR (no-color.org), a terminal that has none, a terminal.

type Env = Readonly<Record<string, string | undefined>>;

/** @param isTty of the stream in question */
export function wantsColor(env: Env, isTty: boolean): boolean {
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  // An empty NO_COLOR says nothing.
  if (env['NO_COLOR']) return false;
  if (env['TERM'] === 'dumb') return false;
  return isTty;
}
