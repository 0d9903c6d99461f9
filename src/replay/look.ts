// `gbx replay list | inspect | stats | export`: looks, and changes nothing.
import { EXIT } from '../core/errors.ts';
import * as documents from '../core/replay/documents.ts';
import { parseFilter } from '../core/replay/filter.ts';
import { countLetters, exportLetters, inspectLetters, listLetters } from '../core/replay/look-at-letters.ts';
import { openExport } from '../files/replay-plans.ts';
import type { CommandContext } from '../run-command.ts';
import * as report from '../ui/replay-report.ts';
import { answer, filterTexts, limitOf, type Stack } from './open-stack.ts';

const LIST_LIMIT = 50;

/** @returns 0, or 1 where there is no such letter */
export async function lookAt(
  context: CommandContext,
  stack: Stack,
  { action, what }: { readonly action: string; readonly what: string | undefined },
): Promise<number> {
  const { options, clock } = context;
  const { place, logs, reading } = stack;
  const { topic } = place;
  const deps = { ...reading, logs };
  const filter = parseFilter(filterTexts(options), clock.now());
  if (action === 'inspect') return await inspect(context, stack, what ?? '');
  if (action === 'stats') {
    const stats = await countLetters(place, deps, filter);
    answer(context, stack, { document: documents.statsDocument(topic, stats), text: () => report.formatStats(topic, stats) });
    return EXIT.done;
  }
  if (action === 'export') return await exportTo(context, stack);
  const limit = limitOf(options, LIST_LIMIT);
  const { shown, ...counts } = await listLetters(place, deps, { filter, limit, order: options['sort'] === 'oldest' ? 'oldest' : 'newest' });
  answer(context, stack, {
    document: documents.listDocument(topic, shown, counts),
    text: () => report.formatList(topic, shown, counts),
  });
  return EXIT.done;
}

/** On purpose with key and value. */
async function inspect(context: CommandContext, stack: Stack, what: string): Promise<number> {
  const found = await inspectLetters(stack.place, { ...stack.reading, logs: stack.logs }, what);
  const none = `no dead letter ${what} in ${stack.place.topic}\n`;
  answer(context, stack, {
    document: { schema: 'gbx.replay-inspect/1', topic: stack.place.topic, letters: found },
    text: () => (found.length === 0 ? none : found.map(report.formatLetter).join('\n')),
  });
  return found.length === 0 ? EXIT.no : EXIT.done;
}

async function exportTo(context: CommandContext, stack: Stack): Promise<number> {
  const { options, clock, stdout, stderr } = context;
  const { place, logs, reading } = stack;
  const wish = { filter: parseFilter(filterTexts(options), clock.now()), limit: limitOf(options, Number.POSITIVE_INFINITY) };
  const exportBy = (write: (lines: string) => Promise<void>): Promise<number> =>
    exportLetters(place, { ...reading, logs }, { ...wish, write });
  const { file: path } = options;
  if (typeof path !== 'string') {
    await exportBy(async (lines) => stdout.write(lines));
    return EXIT.done;
  }
  const written = await exportInto(path, exportBy);
  stack.clearLine();
  const { topic } = place;
  if (options['json'] === true) stdout.write(`${JSON.stringify({ schema: 'gbx.replay-export/1', topic, file: path, written })}\n`);
  else stderr.write(`${written} dead letters written to ${path}: edit "value", then gbx replay import ${path}\n`);
  return EXIT.done;
}

/** The file is closed when it returns: only then what it says is true. */
async function exportInto(path: string, exportBy: (write: (lines: string) => Promise<void>) => Promise<number>): Promise<number> {
  await using file = await openExport(path);
  return await exportBy(file.write);
}
