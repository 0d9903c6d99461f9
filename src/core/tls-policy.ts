// Whether a connection is encrypted: on and verified, unless every host is this machine or a setting says no.

export type TlsSetting = 'auto' | 'on' | 'off';

interface TlsDecision {
  readonly on: boolean;
  /** Data and passwords would cross a network in the clear: worth a loud word. */
  readonly exposed: boolean;
}

/** @param hosts without ports; brackets around IPv6 addresses are understood. */
export function decideTls(setting: TlsSetting, hosts: readonly string[]): TlsDecision {
  const local = hosts.every(isLoopback);
  if (setting === 'off') return { on: false, exposed: !local };
  return { on: setting === 'on' || !local, exposed: false };
}

/** Whether only this machine can be meant: RFC 6761 (localhost), RFC 1122 (127.0.0.0/8), RFC 4291 (::1). */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/u, '$1');
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/u.test(name);
}
