import { expect, test } from 'vitest';
import { commandLines } from './command-lines.ts';

test('commandLines() finds what a reader may paste, and nothing else', () => {
  const page = [
    'Text with gbx serve in it, and `gbx consume`.',
    '',
    '    gbx migrate up --partitions 12   # makes them',
    '    KAFKA_BOOTSTRAP_SERVERS=h:9092 gbx serve | head -1',
    '```sh',
    '$ gbx consume \\',
    "    --reset-ledger <offset> --topic 'a b'",
    'npm start',
    '```',
    '```json',
    'gbx nothing',
    '```',
  ].join('\n');
  expect(commandLines('p', page).map(({ place, argv }) => [place, ...argv])).toEqual([
    ['p:3', 'migrate', 'up', '--partitions', '12'],
    ['p:4', 'serve'],
    ['p:7', 'consume', '--reset-ledger', '<offset>', '--topic', 'a b'],
  ]);
});
