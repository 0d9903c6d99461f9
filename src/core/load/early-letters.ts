// Dead letters of the batch that fills are written while the one before is flushed: their acknowledgement is not waited for
// when it is its turn. What is invalid is invalid, whatever becomes of the batch; a batch that is dropped has its places
// remembered, so that nothing is written twice.
import type { Batch } from './batch.ts';
import { type Loop, tell } from './loop.ts';
import { writeLetters } from './outgoing.ts';

/** Begins to write what came since the last time; one writing at a time. */
export function writeEarly(loop: Loop): void {
  const { deps, early, filling, flight } = loop;
  if (flight === undefined || early.writing !== undefined || filling.letters.length === early.seen) return;
  const letters = unalterable(filling, early.seen);
  early.seen = filling.letters.length;
  if (letters.length === 0) return;
  early.writing = writeLetters(deps, letters, early.stop.signal)
    // Told by the flush, which tries again.
    .catch(() => undefined)
    .then(() => {
      early.writing = undefined;
      tell(loop.inbox, { kind: 'written' });
    });
}

/** Which of two exposures an id stands for may turn out otherwise when they are read again. */
function unalterable({ letters }: Batch, from: number): Batch['letters'] {
  return letters.slice(from).filter(({ stage }) => stage !== 'load');
}
