// Manifests, asked by id and streamed: verify() as a whole, where pass.ts decides.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareSent } from '../../../src/core/verify/compare.ts';
import { A, createWorld, exposure, manifestOf, rightWorld, sentOf, stored } from './world.ts';

/** More than are asked one by one. */
const FILLERS = Array.from({ length: 20_001 }, (_, at) => sentOf(exposure(`filler-${at}`), 'unknown'));

describe('verify() of a manifest', () => {
  it('finds dead letters and what waits, and looks for nothing else', async () => {
    const world = rightWorld();
    const [letter, waits] = [exposure('letter'), exposure('waits')];
    const offset = world.put(letter);
    world.load();
    world.letter(letter, { offset });
    world.put(waits);
    const manifest = manifestOf([sentOf(A), sentOf(letter), sentOf(waits)]);
    const { isExact, runId, account } = await world.verify({ manifest });
    expect({ isExact, runId }).toEqual({ isExact: true, runId: 'run-1' });
    expect(account.totals).toMatchObject({ expected: 3, loaded: 1, deadLettered: 1, waiting: 1, missing: 0 });
  });

  it('agrees with compareSent() for any rows, asked by id and streamed', async () => {
    const outcome = fc.constantFrom('ok', 'refused', 'unknown');
    const sent = fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), outcome), { selector: ([id]) => id });
    const rows = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.constantFrom('http', 'x')), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sent, rows, fc.boolean(), async (list, found, isLong) => {
        const entries = list.map(([id, kind]) => sentOf(exposure(id), kind));
        const world = createWorld();
        for (const [id, source] of found) world.rows.push(stored(exposure(id, { source })));
        const compared = compareSent(entries, world.rows);
        const { account } = await world.verify({ manifest: manifestOf([...entries, ...(isLong ? FILLERS : [])]) });
        expect(account.totals).toMatchObject({
          loaded: compared.loaded.length,
          missing: compared.missing.length,
          doubled: compared.doubled.length,
          altered: compared.altered.length,
          unexpected: compared.unexpected.length,
        });
      }),
      { numRuns: 20 },
    );
  });
});
