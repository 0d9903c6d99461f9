// A limit for each name and address that a check asks. It is below the limit of the check, so that one that never answers
// does not lose what the others said.
import { type Clock, LATE, withinTime } from '../clock.ts';

/** Lets a connection be tried for the third time, which systems do after 3 s. */
const ANSWER_MS_MAX = 3_500;

/** @throws {Error} `no answer within 3.5 s`; what was asked is told by its signal */
export async function answerWithin<T>(clock: Clock, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const answer = await withinTime({ clock, ms: ANSWER_MS_MAX, signal }, ask);
  if (answer === LATE) throw new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`);
  return answer;
}
