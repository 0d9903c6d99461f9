// Contract: a COMMIT whose answer is lost was committed or not, and the ledger says which. Either way the batch stands in
// the table once, from the same process, and no dead letter is made.
import { describe, expect, it } from 'vitest';
import { logged } from '../support/log-lines.ts';
import { openPipeline } from '../support/pipeline.ts';
import { onStatement, openPostgresProxy } from '../support/postgres-proxy.ts';
import { testStack } from '../support/stack.ts';

const CASES = [
  { what: 'was committed', fate: 'lose-answer', word: 'by an earlier attempt' },
  { what: 'was not committed', fate: 'cut', word: 100 },
] as const;

describe.concurrent('gbx consume, when the answer to COMMIT is lost', () => {
  it.each((['postgres', 'redshift'] as const).flatMap((dialect) => CASES.map((one) => ({ ...one, dialect }))))(
    'and the batch $what, has it once, dialect $dialect',
    async ({ dialect, fate, word }) => {
      await using pipeline = await openPipeline({ partitions: 1, env: { GBX_DB_DIALECT: dialect } });
      await pipeline.send(500);
      const fault = onStatement({ sql: /^COMMIT$/, nth: 3 }, () => fate);
      await using proxy = await openPostgresProxy({ target: testStack().postgres, onMessage: fault.onMessage });
      await using consumer = await pipeline.consumer({ DB_PORT: String(proxy.port) });
      expect(await pipeline.expectExact()).toMatchObject({ rows: 500, letters: 0 });
      await fault.done;
      const again = logged(consumer, 'batch.loaded').filter((line) => line['attempts'] !== 1);
      expect(again).toMatchObject([{ attempts: 2, inserted: word }]);
      consumer.signal('SIGTERM');
      expect(await consumer.exit()).toEqual({ code: 0, signal: null });
    },
  );
});
