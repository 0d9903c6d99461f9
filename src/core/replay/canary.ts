// Whether a run may go on: pure judgement over what became of the records sent so far.
import { GbxError } from '../errors.ts';
import type { Tally } from './outcomes.ts';

export type CanaryVerdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'waiting' }
  /** Too many of them failed again. */
  | { readonly kind: 'failed'; readonly why: string };

/** @param refailMax the share of those sent that may fail again, 0 to 1 */
export function judgeCanary(tally: Tally, refailMax: number): CanaryVerdict {
  const { sent, failedAgain, pending } = tally;
  if (failedAgain > refailMax * sent) return { kind: 'failed', why: whyStopped(tally) };
  return pending === 0 ? { kind: 'passed' } : { kind: 'waiting' };
}

function whyStopped({ sent, failedAgain, codes }: Tally): string {
  const reasons = Object.entries(codes)
    .sort(([, one], [, other]) => other - one)
    .slice(0, 3)
    .map(([code, count]) => `${code} ${count}`);
  return `${failedAgain} of ${sent} failed again: ${reasons.join(', ')}`;
}

/** `2%` or `0.02`. @throws {GbxError} GBX_USAGE */
export function parseShare(text: string, flag: string): number {
  const [, number, percent] = /^(\d{1,3}(?:\.\d{1,4})?)(%?)$/u.exec(text.trim()) ?? [];
  const share = Number(number) / (percent === '%' ? 100 : 1);
  if (!(share >= 0 && share <= 1))
    throw new GbxError('GBX_USAGE', `Cannot take ${flag} ${JSON.stringify(text)} for a share`, { hint: 'give 2% or 0.02' });
  return share;
}
