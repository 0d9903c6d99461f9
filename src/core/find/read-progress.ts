// How far topic and retry topic are loaded: by the ledger where the warehouse can be asked, else by what the group committed.
// Called by find.ts after the topics were read and before the table is: what the ledger has passed is in the table then.
import type { LedgerRow } from '../load/ports.ts';
import { attempt, type Look } from './look.ts';
import type { FindWarehouse } from './ports.ts';
import type { Progress } from './verdict.ts';

export async function readProgress(look: Look): Promise<void> {
  const { clusterId, plan, deps } = look;
  // Without records there is nothing to be told of.
  if (clusterId === undefined) return;
  const progress = new Map<string, Progress>();
  await attempt(look, { name: 'warehouse', part: deps.warehouse }, async (warehouse) => {
    const { topic, retryTopic, group } = plan;
    addLedger(progress, topic, await warehouse.readLedger({ clusterId, group, topic }));
    if (retryTopic !== undefined) addLedger(progress, retryTopic, await readOther(warehouse, { clusterId, topic: retryTopic }));
  });
  if (!progress.has(plan.topic)) {
    await attempt(look, { name: 'kafka', part: deps.kafka }, async (logs) => {
      const nextOffsets = await logs.committedOffsets(plan.group, plan.topic);
      if (nextOffsets.size > 0) progress.set(plan.topic, { by: 'group', nextOffsets });
    });
  }
  look.progress = progress;
}

function addLedger(progress: Map<string, Progress>, topic: string, rows: readonly LedgerRow[]): void {
  if (rows.length === 0) return;
  progress.set(topic, { by: 'ledger', nextOffsets: new Map(rows.map(({ partition, nextOffset }) => [partition, nextOffset])) });
}

/** The retry topic is loaded by a group of its own, whose name the ledger knows, if there is but one. */
async function readOther(
  warehouse: FindWarehouse,
  { clusterId, topic }: { readonly clusterId: string; readonly topic: string },
): Promise<readonly LedgerRow[]> {
  const scopes = (await warehouse.ledgerScopes()).filter((scope) => scope.clusterId === clusterId && scope.topic === topic);
  const [only] = scopes;
  return only === undefined || scopes.length > 1 ? [] : await warehouse.readLedger(only);
}
