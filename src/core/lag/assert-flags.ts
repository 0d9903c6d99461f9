// Which options of `gbx lag` go together. Called by the command before it connects to anything: a flag that would be ignored is
// one that somebody relies on, as a --timeout on a look that does not wait.
import { GbxError } from '../errors.ts';

/** The flags without which a flag says nothing. */
const BELONGS = [
  { flag: '--interval', name: 'interval', to: ['watch', 'wait'] },
  { flag: '--timeout', name: 'timeout', to: ['wait'] },
  { flag: '--stable-for', name: 'stableFor', to: ['wait'] },
] as const;

/** @param options by camelCase name; what was not given is absent. @throws {GbxError} GBX_USAGE that names both */
export function assertLagFlags(options: Readonly<Record<string, unknown>>): void {
  const isGiven = (name: string): boolean => options[name] !== undefined;
  for (const { flag, name, to } of BELONGS) {
    if (!isGiven(name) || to.some(isGiven)) continue;
    throw new GbxError('GBX_USAGE', `Cannot take ${flag} alone: it belongs to ${to.map((one) => `--${one}`).join(' or ')}`);
  }
  if (isGiven('watch') && isGiven('wait')) throw apart('--watch', '--wait', '--watch never ends');
  for (const mode of ['watch', 'wait'].filter(isGiven)) {
    if (isGiven('sample')) throw apart('--sample', `--${mode}`, `--${mode} looks again and again by itself`);
    if (isGiven('explain')) throw apart('--explain', `--${mode}`, 'it is about one look, or those of --sample');
  }
  const { json, output } = options as { readonly json?: unknown; readonly output?: unknown };
  if (json === true && (output === 'csv' || output === 'prometheus')) throw apart('--json', `--output ${output}`);
}

function apart(one: string, other: string, why?: string): GbxError {
  return new GbxError('GBX_USAGE', `Cannot take ${one} and ${other} together${why === undefined ? '' : `: ${why}`}`);
}
