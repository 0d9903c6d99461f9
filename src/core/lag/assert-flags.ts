// Which options of `gbx lag` go together. Called by the command before it connects to anything: a flag that would be ignored is
// one that somebody relies on, as a --timeout on a look that does not wait.
import { GbxError } from '../errors.ts';

/** The flags without which a flag says nothing. */
const BELONGS = [
  { flag: '--interval', name: 'interval', to: ['watch', 'wait'] },
  { flag: '--timeout', name: 'timeout', to: ['wait'] },
  { flag: '--stable-for', name: 'stableFor', to: ['wait'] },
] as const;

/** What only chooses and lays out the lines of a table, or of CSV. */
const LAYOUT = [
  { flag: '--only-lagging', isGiven: ({ onlyLagging }: Options) => onlyLagging === true },
  { flag: '--sort', isGiven: ({ sort }: Options) => sort !== undefined && sort !== 'partition' },
  { flag: '--reverse', isGiven: ({ reverse }: Options) => reverse === true },
  { flag: '--no-headers', isGiven: ({ headers }: Options) => headers === false },
] as const;

/** Brokers and warehouse are people's, too. Milliseconds. */
const INTERVAL_MS_MIN = 100;

type Options = Readonly<Record<string, unknown>>;

/** @param options by camelCase name; what was not given is absent. @throws {GbxError} GBX_USAGE that names both */
export function assertLagFlags(options: Options): void {
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
  const { json, output, interval, timeout, stableFor } = options;
  if (typeof interval === 'number' && interval < INTERVAL_MS_MIN) {
    throw new GbxError('GBX_USAGE', `Cannot look every ${interval} ms: --interval is ${INTERVAL_MS_MIN}ms or more`);
  }
  if (timeout === 0) throw new GbxError('GBX_USAGE', 'Cannot wait for no time at all: --timeout is more than 0');
  if (typeof timeout === 'number' && typeof stableFor === 'number' && stableFor >= timeout) {
    throw apart('--stable-for', '--timeout', 'what must hold for so long cannot be seen to within that time');
  }
  if (output !== 'csv' && output !== 'prometheus') return;
  if (json === true) throw apart('--json', `--output ${output}`);
  if (isGiven('explain')) throw apart('--explain', `--output ${output}`, 'it is text, or JSON');
  const layout = output === 'prometheus' ? LAYOUT.find((one) => one.isGiven(options)) : undefined;
  if (layout !== undefined) throw apart(layout.flag, '--output prometheus', 'it has a series a partition, in no order');
}

function apart(one: string, other: string, why?: string): GbxError {
  return new GbxError('GBX_USAGE', `Cannot take ${one} and ${other} together${why === undefined ? '' : `: ${why}`}`);
}
