// A terminal for tests of the live view: both streams as Ink needs them, what is written kept, a size that tests change.
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { Size } from '../../../src/ui/lag/view-model.ts';

export function fakeTerminal(first: Size) {
  let size = first;
  let writes: string[] = [];
  const events = new EventEmitter();
  const rawModes: boolean[] = [];
  const output = {
    write: (text: string) => void writes.push(text),
    get columns() {
      return size.columns;
    },
    get rows() {
      return size.rows;
    },
    on: (event: 'resize', listener: () => void) => events.on(event, listener),
    off: (event: 'resize', listener: () => void) => events.off(event, listener),
  };
  const input = Object.assign(new Readable({ read: () => undefined }), {
    isTTY: true,
    setRawMode(isRaw: boolean) {
      rawModes.push(isRaw);
      return this;
    },
    ref: () => undefined,
    unref: () => undefined,
  }) as unknown as NodeJS.ReadStream;
  return {
    output,
    input,
    type: (text: string) => void input.push(text),
    /** What was written since the last call. */
    take: () => {
      const taken = writes;
      writes = [];
      return taken;
    },
    resize: (next: Size) => {
      size = next;
      events.emit('resize');
    },
    listeners: () => events.listenerCount('resize'),
    rawModes,
  };
}
