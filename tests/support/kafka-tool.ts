// Kafka's own tool for consumer groups, from the jars that the broker runs on: what gbx says is held against what it says.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureKafkaJars, userCacheDir } from '../../src/dev/kafka-jars.ts';

export interface DescribedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Undefined where the tool prints `-`. */
  readonly committed: number | undefined;
  readonly end: number;
  readonly lag: number | undefined;
  readonly clientId: string | undefined;
}

const TOOL = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
const TOOL_MS_MAX = 60_000;

/** `kafka-consumer-groups --describe` of this group. */
export async function describeGroup(brokers: string, group: string): Promise<readonly DescribedPartition[]> {
  const { java, dir, names } = await ensureKafkaJars({ cacheDir: userCacheDir(), progress: () => undefined });
  const classPath = names.map((name) => join(dir, name)).join(':');
  const args = [
    '-Xshare:auto',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    classPath,
    TOOL,
    '--bootstrap-server',
    brokers,
    '--describe',
    '--group',
    group,
  ];
  const { stdout } = await promisify(execFile)(java.command, args, { timeout: TOOL_MS_MAX });
  const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/u));
  return lines.filter(([name]) => name === group).map(toPartition);
}

/** GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID */
function toPartition([, topic = '', partition, committed, end, lag, , , clientId]: readonly string[]): DescribedPartition {
  const number = (text: string | undefined): number | undefined => (text === undefined || text === '-' ? undefined : Number(text));
  return {
    topic,
    partition: Number(partition),
    committed: number(committed),
    end: Number(end),
    lag: number(lag),
    clientId: clientId === '-' ? undefined : clientId,
  };
}
