// `gbx replay`: dead letters looked at, planned and loaded again. The actions are in src/replay; this one chooses among them.
import { EXIT, GbxError } from '../core/errors.ts';
import { cancel, carryOut, showStatus } from '../replay/execute.ts';
import { lookAt } from '../replay/look.ts';
import { planImport, planLetters, planRange } from '../replay/make.ts';
import { openStack } from '../replay/open-stack.ts';
import type { CommandContext } from '../run-command.ts';

const NEEDS: Readonly<Record<string, string>> = {
  inspect: 'a place or an origin: gbx replay inspect 0/120',
  run: 'a plan: gbx replay run <plan>',
  resume: 'a plan: gbx replay resume <plan>',
  cancel: 'a plan: gbx replay cancel <plan>',
  import: 'a file, or - for stdin: gbx replay import letters.ndjson',
};

/** @returns 0 done, 1 some are not loaded, 124 the first ones were not in time. @throws {GbxError} */
export async function run(context: CommandContext): Promise<number> {
  const [action = '', what] = context.args;
  const needs = NEEDS[action];
  if (what === undefined && needs !== undefined) throw new GbxError('GBX_USAGE', `gbx replay ${action} needs ${needs}`);
  if (what !== undefined && needs === undefined && action !== 'status')
    throw new GbxError('GBX_USAGE', `gbx replay ${action} takes no argument: ${what}`, { hint: 'gbx replay --help' });
  if (action === 'export' && context.options['json'] === true && context.options['file'] === undefined)
    throw new GbxError('GBX_USAGE', 'Cannot answer with one document where stdout takes the dead letters, line by line', {
      hint: 'leave out --json, as each line is JSON by itself; or give --file',
    });
  if (action === 'status') return await showStatus(context, what);
  if (action === 'cancel') return await cancel(context, what ?? '');
  try {
    return await runOnStack(context, { action, what });
  } catch (error) {
    // Interrupted while it looked: nothing was changed, and cli.ts gives the exit code of the signal.
    if (context.signal.aborted && error === context.signal.reason) return EXIT.done;
    throw error;
  }
}

async function runOnStack(
  context: CommandContext,
  { action, what }: { readonly action: string; readonly what: string | undefined },
): Promise<number> {
  await using stack = await openStack(context);
  switch (action) {
    case 'list':
    case 'inspect':
    case 'stats':
    case 'export':
      return await lookAt(context, stack, { action, what });
    case 'plan':
      return await planLetters(context, stack);
    case 'import':
      return await planImport(context, stack, what ?? '');
    case 'range':
      return await planRange(context, stack);
    default:
      return await carryOut(context, stack, { name: what ?? '', isResumed: action === 'resume' });
  }
}
