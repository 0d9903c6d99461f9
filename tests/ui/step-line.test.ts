import { expect, test } from 'vitest';
import { createStepLine } from '../../src/ui/step-line.ts';
import { manualClock } from '../support/clock.ts';

test('createStepLine() draws one line at most five times a second, no wider than the terminal, and takes it away', async () => {
  const clock = manualClock();
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  const output = { columns: 30, write };
  const off = createStepLine(output, { clock, isOn: false });
  off.show('reading the topic', 1, 2);
  off.clear();
  expect(text).toBe('');

  const line = createStepLine(output, { clock, isOn: true });
  line.clear();
  expect(text).toBe('');
  line.show('reading the table', 1_000, undefined);
  line.show('reading the table', 2_000, undefined);
  await clock.advance(200);
  line.show('reading the topic', 500_000, 1_000_000);
  line.clear();
  expect(text).toBe('\r\u001b[Kreading the table: 1,000\r\u001b[Kreading the topic: 500,000 of\r\u001b[K');
});
