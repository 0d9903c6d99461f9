// Synthetic exposures as a source of a run: place after place of core/traffic/slots.ts.
import type { Slot } from '../traffic/slots.ts';
import type { Take } from './outgoing.ts';

export function takeSlots(slotAt: (i: number) => Slot): Take {
  let next = 0;
  return ({ recordsMax, bytesMax }) => {
    const items: Slot[] = [];
    for (let bytes = 0; items.length < recordsMax && bytes < bytesMax; ) {
      const slot = slotAt(next++);
      bytes += slot.value.length;
      items.push(slot);
    }
    return items;
  };
}
