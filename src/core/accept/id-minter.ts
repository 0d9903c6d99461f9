// New exposure ids, many a second: random bytes are drawn by the block, since each call to the system's source costs
// more than the rest of the id. Made by serve, called once for each exposure that comes without an id of its own.
import { randomFillSync } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { mintId } from '../exposure/identity.ts';

const BYTES_AN_ID = 10;
const IDS_A_BLOCK = 512;

/** UUIDs of version 7. @param fillRandom fills the block from a cryptographic source */
export function createIdMinter(clock: Pick<Clock, 'now'>, fillRandom: (block: Uint8Array) => void = randomFillSync): () => string {
  const block = Buffer.alloc(BYTES_AN_ID * IDS_A_BLOCK);
  let used = block.length;
  return () => {
    if (used === block.length) {
      fillRandom(block);
      used = 0;
    }
    used += BYTES_AN_ID;
    return mintId(clock.now(), block.subarray(used - BYTES_AN_ID, used));
  };
}
