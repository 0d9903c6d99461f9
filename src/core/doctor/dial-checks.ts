// From a host's name to a connection that is encrypted: the three checks that Kafka and the warehouse begin with.
import type { Clock } from '../clock.ts';
import { answerWithin } from './answer-within.ts';
import { type Check, type Finding, fail, ok, timeText, warn, worstOf } from './check.ts';
import type { CertificateFacts, HostAddress, KafkaProbe, Network } from './ports.ts';

const EXPIRY_WARN_MS = 30 * 86_400_000;

export interface DialOptions {
  readonly area: 'kafka' | 'warehouse';
  readonly needs: readonly string[];
  readonly network: Network;
  readonly targets: () => readonly HostAddress[];
  readonly tls: () => KafkaProbe['tls'];
  /** Off by a setting, across a network. */
  readonly isExposed: boolean;
  readonly start: 'tls' | 'postgres';
  /** Names of the settings that are at fault. */
  readonly settings: { readonly address: string; readonly tls: string; readonly ca: string };
  readonly clock: Clock;
}

export function dialChecks(options: DialOptions): readonly Check[] {
  const { area, needs, targets, settings } = options;
  const partial = 'this is enough to begin; mend the others, or take them out';
  const unreached = new Set<string>();
  return [
    {
      id: `${area}.dns`,
      area,
      needs,
      ask: async (signal) => {
        const hosts = [...new Set(targets().map(({ host }) => host))];
        const tries = await Promise.all(hosts.map((host) => tryResolve(options, host, signal)));
        const list = hosts.map((host, index) => ({ name: host, ...tries[index] }));
        const good = list
          .map(({ name, addresses = [] }) => (addresses.includes(name) ? name : `${name} is ${addresses.join(', ')}`))
          .join('; ');
        return judgeDials(list, { good, todo: `check ${settings.address}, and the name server of this machine`, partial });
      },
    },
    {
      id: `${area}.tcp`,
      area,
      needs: [`${area}.dns`],
      ask: async (signal) => {
        const list = await Promise.all(
          targets().map(async (address) => ({ name: nameOf(address), why: await tryDial(options, address, signal) })),
        );
        for (const { name, why } of list) if (why !== undefined) unreached.add(name);
        const todo = `check ${settings.address}, that the server is up, and what firewalls let through`;
        return judgeDials(list, { good: `${list.map(({ name }) => name).join(', ')} reached`, todo, partial });
      },
    },
    {
      id: `${area}.tls`,
      area,
      needs: [`${area}.tcp`],
      // Clients need one address to begin with: those that are not reached were told of above.
      ask: (signal) => askTls({ ...options, targets: () => targets().filter((address) => !unreached.has(nameOf(address))) }, signal),
    },
  ];
}

async function askTls(options: DialOptions, signal: AbortSignal): Promise<Finding> {
  const { tls, targets, network, clock, isExposed, settings, start } = options;
  const security = tls();
  if (security.kind === 'off') {
    if (!isExposed) return ok('not used: everything stays on this machine');
    return warn(`off: passwords and exposures cross the network in the clear`, `set ${settings.tls}=on, or leave it at auto`);
  }
  const findings = await Promise.all(
    targets().map(async (address): Promise<Finding> => {
      try {
        const facts = await answerWithin(clock, signal, (limited) => network.handshake(address, { ca: security.ca, start }, limited));
        return judgeCertificate(facts, { name: nameOf(address), nowMs: clock.now(), ca: settings.ca });
      } catch (error) {
        return fail(`${nameOf(address)}: ${reasonOf(error)}`, `is that its port for TLS? ${settings.tls}=off where plain text is meant`);
      }
    }),
  );
  return worstOf(findings, ok(findings.map(({ found }) => found).join('; ')));
}

interface CertificateContext {
  readonly name: string;
  readonly nowMs: number;
  readonly ca: string;
}

export function judgeCertificate({ subject, expiresAtMs, refused }: CertificateFacts, { name, nowMs, ca }: CertificateContext): Finding {
  const leftMs = expiresAtMs - nowMs;
  const found = `certificate of ${name} (${subject})`;
  if (leftMs <= 0) return fail(`${found} expired ${timeText(-leftMs)} ago`, 'renew it');
  if (refused === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fail(`${found} is for another host`, 'connect by a name that stands in the certificate');
  if (refused !== undefined)
    return fail(`${found} is not trusted (${refused})`, `give the PEM file of the authority that signed it in ${ca}`);
  if (leftMs < EXPIRY_WARN_MS) return warn(`${found} expires in ${timeText(leftMs)}`, 'renew it in time');
  return ok(`${found} is good for ${timeText(leftMs)}`);
}

interface Dial {
  readonly name: string;
  readonly what?: string;
  /** Why not; undefined where it worked. */
  readonly why?: string | undefined;
}

interface DialWords {
  readonly good: string;
  readonly todo: string;
  /** What to do where some work. */
  readonly partial?: string;
  /** What it is that only some work. @default 'warn' */
  readonly isPartial?: 'warn' | 'fail';
}

export function judgeDials(list: readonly Dial[], { good, todo, partial = todo, isPartial = 'warn' }: DialWords): Finding {
  const bad = list.filter(({ why }) => why !== undefined);
  if (bad.length === 0) return ok(good);
  const found = bad.map(({ name, what, why }) => `${what === undefined ? '' : `${what} at `}${name}: ${why}`).join('; ');
  if (bad.length === list.length || isPartial === 'fail') return fail(found, todo);
  return warn(`${found}; the others (${list.length - bad.length} of ${list.length}) work`, partial);
}

type Asking = Pick<DialOptions, 'network' | 'clock'>;

/** @returns why not; undefined where it is reached */
export async function tryDial({ network, clock }: Asking, address: HostAddress, signal: AbortSignal): Promise<string | undefined> {
  return answerWithin(clock, signal, (limited) => network.dial(address, limited)).then(() => undefined, reasonOf);
}

interface Resolved {
  readonly addresses?: readonly string[];
  readonly why?: string;
}

async function tryResolve({ network, clock }: Asking, host: string, signal: AbortSignal): Promise<Resolved> {
  return answerWithin(clock, signal, () => network.resolve(host)).then(
    (addresses) => ({ addresses }),
    (error: unknown) => ({ why: reasonOf(error) }),
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'this name is not known here (ENOTFOUND)',
  EAI_AGAIN: 'the name server does not answer (EAI_AGAIN)',
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ETIMEDOUT: 'no answer (ETIMEDOUT)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
  ECONNRESET: 'it hung up (ECONNRESET)',
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return (code === undefined ? undefined : REASONS[code]) ?? (error.message || code || error.name);
}

function nameOf({ host, port }: HostAddress): string {
  return `${host}:${port}`;
}
