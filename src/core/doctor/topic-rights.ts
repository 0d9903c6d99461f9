// Which operations a login may do on the topics and with the group, and what of gbx that is enough for.
import { type Finding, fail, ok, unknown, warn, worstOf } from './check.ts';
import type { ClusterFacts } from './ports.ts';

interface NamedTopic {
  readonly topic: string;
  readonly role: 'main' | 'dead-letter' | 'retry';
}

export function judgeRights({ topics }: Pick<ClusterFacts, 'topics'>, named: readonly NamedTopic[]): Finding {
  const hasRetryTopic = named.some(({ role }) => role === 'retry');
  const findings = named.flatMap(({ topic, role }) => {
    const facts = topics.find((one) => one.topic === topic);
    return facts === undefined ? [] : [judgeTopic({ topic, role, hasRetryTopic }, facts.rights)];
  });
  return worstOf(findings, ok(findings.map(({ found }) => found).join('; ')));
}

interface JudgedName extends NamedTopic {
  readonly hasRetryTopic: boolean;
}

function judgeTopic({ topic, role, hasRetryTopic }: JudgedName, rights: readonly string[] | undefined): Finding {
  if (rights === undefined) return unknown(`the broker does not tell which rights this login has on ${topic}`);
  const canRead = rights.includes('Read');
  const canWrite = rights.includes('Write');
  const found = `${topic}: ${[...(canRead ? ['Read'] : []), ...(canWrite ? ['Write'] : [])].join(' and ') || 'neither Read nor Write'}`;
  if (canRead && canWrite) return ok(found);
  const todo = `grant ${[...(canRead ? [] : ['Read']), ...(canWrite ? [] : ['Write'])].join(' and ')} of ${topic}, where this login is to do that`;
  if (!canRead && !canWrite) return fail(found, todo);
  if (role === 'main')
    return warn(`${found}: ${canRead ? enoughToRead(hasRetryTopic) : 'enough for gbx serve, not for gbx consume'}`, todo);
  // Read is for lag and replay; Write is what the consumer needs.
  return canWrite ? ok(found) : warn(`${found}: gbx consume cannot write there`, todo);
}

/** What the warehouse refuses goes to the retry topic, which is the topic itself where no other is set. */
function enoughToRead(hasRetryTopic: boolean): string {
  if (hasRetryTopic) return 'enough for gbx consume, not for gbx serve';
  return 'enough to look; gbx consume cannot put refused rows back there, and gbx serve cannot write';
}

export function judgeGroupRights(rights: readonly string[] | undefined, group: string): Finding {
  if (rights === undefined) return unknown(`the brokers do not tell which rights this login has on the group ${group}`);
  if (rights.includes('Read')) return ok(`group ${group}: Read`);
  return warn(
    `group ${group}: no Read: enough to look, not for gbx consume`,
    `grant Read of the group ${group}, where this login is to load`,
  );
}
