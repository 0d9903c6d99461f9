// The Ink components of the live view: one Text a line, and the keys. They hold nothing: lines come from view-model.ts through
// the store of open-lag-view.tsx.
import { Box, Text, Transform, useInput } from 'ink';
import { memo, useSyncExternalStore } from 'react';
import type { PressedKey } from './keys.ts';

/** What a frame is made of; changes identity with every change of what is shown. */
export interface Frame {
  /** Painted, each no wider than the terminal. */
  readonly lines: readonly string[];
  readonly columns: number;
}

interface FrameStore {
  subscribe(listener: () => void): () => void;
  frame(): Frame;
}

interface LagFrameProps {
  readonly store: FrameStore;
  /** False where nothing can be typed. */
  readonly hasKeys: boolean;
  readonly onKey: (input: string, key: PressedKey) => void;
}

export function LagFrame({ store, hasKeys, onKey }: LagFrameProps) {
  const { lines } = useSyncExternalStore(store.subscribe, store.frame);
  useInput(onKey, { isActive: hasKeys });
  return (
    <Box flexDirection="column" height={lines.length}>
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen.
        <Row key={row} row={row} line={line} />
      ))}
    </Box>
  );
}

/**
 * Ink takes a line apart into cells and puts it together again, with every frame: several times what making it costs. And it
 * remembers every text that it has ever measured. So it is given a mark for each row, and screen.ts puts the line in its place. A line that
 * has changed is another transform: that is what makes Ink render.
 */
const Row = memo(function Row({ row }: { readonly row: number; readonly line: string }) {
  return (
    <Transform transform={() => rowMark(row)}>
      <Text> </Text>
    </Transform>
  );
});

/** Private-use characters: `clean` lets none of them into a line. */
const FIRST_MARK = 0xe000;

function rowMark(row: number): string {
  return String.fromCodePoint(FIRST_MARK + row);
}

/** What Ink has rendered, with the lines in place of their marks. */
export function withLines(rendered: string, lines: readonly string[]): readonly string[] {
  return rendered.split('\n').map((text) => lines[(text.codePointAt(0) ?? 0) - FIRST_MARK] ?? '');
}
