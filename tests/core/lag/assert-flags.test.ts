import { describe, expect, it } from 'vitest';
import { assertLagFlags } from '../../../src/core/lag/assert-flags.ts';

const USUAL = { output: 'table', sort: 'partition', allowedLag: 0 };

function refusal(options: Readonly<Record<string, unknown>>): string | undefined {
  try {
    assertLagFlags({ ...USUAL, ...options });
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'GBX_USAGE', exitCode: 2 });
    return error instanceof Error ? error.message : String(error);
  }
}

describe('assertLagFlags()', () => {
  it.each([
    [{ interval: 2_000 }, 'Cannot take --interval alone: it belongs to --watch or --wait'],
    [{ interval: 2_000, sample: 5_000 }, 'Cannot take --interval alone: it belongs to --watch or --wait'],
    [{ timeout: 0 }, 'Cannot take --timeout alone: it belongs to --wait'],
    [{ timeout: 60_000, watch: true }, 'Cannot take --timeout alone: it belongs to --wait'],
    [{ stableFor: 3_000 }, 'Cannot take --stable-for alone: it belongs to --wait'],
    [{ stableFor: 3_000, watch: true }, 'Cannot take --stable-for alone: it belongs to --wait'],
    [{ watch: true, wait: true }, 'Cannot take --watch and --wait together: --watch never ends'],
    [{ sample: 5_000, watch: true }, 'Cannot take --sample and --watch together: --watch looks again and again by itself'],
    [{ sample: 5_000, wait: true }, 'Cannot take --sample and --wait together: --wait looks again and again by itself'],
    [{ explain: 0, watch: true }, 'Cannot take --explain and --watch together: it is about one look, or those of --sample'],
    [{ explain: 0, wait: true }, 'Cannot take --explain and --wait together: it is about one look, or those of --sample'],
    [{ json: true, output: 'csv' }, 'Cannot take --json and --output csv together'],
    [{ json: true, output: 'prometheus' }, 'Cannot take --json and --output prometheus together'],
    [{ explain: 0, output: 'csv' }, 'Cannot take --explain and --output csv together: it is text, or JSON'],
    [{ explain: 0, output: 'prometheus' }, 'Cannot take --explain and --output prometheus together: it is text, or JSON'],
    ...[
      [{ onlyLagging: true }, '--only-lagging'],
      [{ sort: 'lag' }, '--sort'],
      [{ reverse: true }, '--reverse'],
      [{ headers: false }, '--no-headers'],
    ].map(
      ([options, flag]) =>
        [
          { output: 'prometheus', ...(options as object) },
          `Cannot take ${flag} and --output prometheus together: it has a series a partition, in no order`,
        ] as const,
    ),
    [{ wait: true, timeout: 0 }, 'Cannot wait for no time at all: --timeout is more than 0'],
    [
      { wait: true, timeout: 2_000, stableFor: 2_000 },
      'Cannot take --stable-for and --timeout together: what must hold for so long cannot be seen to within that time',
    ],
    [{ watch: true, interval: 0 }, 'Cannot look every 0 ms: --interval is 100ms or more'],
    [{ wait: true, interval: 99 }, 'Cannot look every 99 ms: --interval is 100ms or more'],
  ] as const)('refuses %j, which it would ignore', (options, message) => {
    expect(refusal(options)).toBe(message);
  });

  it.each([
    [{}],
    [{ watch: true, interval: 100 }],
    [{ output: 'prometheus', headers: true }],
    [{ output: 'csv', onlyLagging: true, sort: 'lag', reverse: true, headers: false }],
    [{ output: 'ndjson', explain: 0 }],
    [{ wait: true, interval: 500, timeout: 60_000, stableFor: 0 }],
    [{ sample: 5_000, explain: 3 }],
    [{ json: true }],
    [{ json: true, output: 'ndjson', watch: true }],
    [{ json: true, output: 'json' }],
  ])('takes %j', (options) => {
    expect(refusal(options)).toBeUndefined();
  });
});
