// A connection to the shared broker, for the tests of src/kafka.
import { systemClock } from '../../src/core/clock.ts';
import type { KafkaConnection } from '../../src/kafka/client.ts';
import { silentLog } from '../support/log.ts';
import { testStack } from '../support/stack.ts';

export function connectionTo(changes: Partial<KafkaConnection> = {}): KafkaConnection {
  const base = { tls: { kind: 'off' }, clientId: 'gbx-tests', log: silentLog(), clock: systemClock, random: Math.random } as const;
  return { ...base, brokers: changes.brokers ?? [testStack().brokers], ...changes };
}
