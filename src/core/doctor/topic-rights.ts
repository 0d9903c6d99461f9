// Which operations a login may do on the topics, and what of gbx that is enough for.
import { type Finding, fail, ok, unknown, warn, worstOf } from './check.ts';
import type { ClusterFacts } from './ports.ts';

interface NamedTopic {
  readonly topic: string;
  readonly role: 'main' | 'dead-letter' | 'retry';
}

export function judgeRights({ topics }: Pick<ClusterFacts, 'topics'>, named: readonly NamedTopic[]): Finding {
  const findings = named.flatMap(({ topic, role }) => {
    const facts = topics.find((one) => one.topic === topic);
    return facts === undefined ? [] : [judgeTopic(topic, role, facts.rights)];
  });
  return worstOf(findings, ok(findings.map(({ found }) => found).join('; ')));
}

function judgeTopic(topic: string, role: NamedTopic['role'], rights: readonly string[] | undefined): Finding {
  if (rights === undefined) return unknown(`the broker does not tell which rights this login has on ${topic}`);
  const canRead = rights.includes('Read');
  const canWrite = rights.includes('Write');
  const found = `${topic}: ${[...(canRead ? ['Read'] : []), ...(canWrite ? ['Write'] : [])].join(' and ') || 'neither Read nor Write'}`;
  if (canRead && canWrite) return ok(found);
  const todo = `grant ${[...(canRead ? [] : ['Read']), ...(canWrite ? [] : ['Write'])].join(' and ')} of ${topic}, where this login is to do that`;
  if (!canRead && !canWrite) return fail(found, todo);
  if (role === 'main')
    return warn(`${found}: enough for gbx ${canRead ? 'consume, not for gbx serve' : 'serve, not for gbx consume'}`, todo);
  // Read is for lag and replay; Write is what the consumer needs.
  return canWrite ? ok(found) : warn(`${found}: gbx consume cannot write there`, todo);
}
