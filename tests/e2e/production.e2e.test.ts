// Contract: what is for one machine refuses a production environment, and a process that is told to stop while it still
// waits for Kafka ends as one that had nothing to finish.
import { describe, expect, it } from 'vitest';
import { startGbx } from '../support/process.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';

describe.concurrent('gbx', () => {
  it('dev refuses under NODE_ENV=production and names what to use', async () => {
    await using child = await startGbx(['dev'], { env: { NODE_ENV: 'production' } });
    expect(await child.exit()).toMatchObject({ code: 78 });
    expect(child.stderr()).toContain('[GBX_REFUSED_IN_PRODUCTION]');
    expect(child.stderr()).toContain('use gbx serve and gbx consume');
  });

  it('consume refuses --execute without --reset-ledger instead of starting', async () => {
    await using child = await startGbx(['consume', '--execute'], {
      env: { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', DB_HOST: '127.0.0.1', DB_USER: 'x' },
    });
    expect(await child.exit()).toMatchObject({ code: 2 });
  });

  it('consume exits 0 at SIGTERM while it waits for Kafka', async () => {
    await using nobody = await openTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
    await nobody.refuse();
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${nobody.port}`,
      DB_HOST: '127.0.0.1',
      DB_USER: 'x',
      GBX_ADMIN_PORT: '0',
      GBX_LOG_FORMAT: 'json',
    };
    await using child = await startGbx(['consume'], { env });
    await child.line('kafka.waited_for');
    child.signal('SIGTERM');
    expect(await child.exit()).toEqual({ code: 0, signal: null });
  });

  it('tells where the setting came from that a failure is about', async () => {
    await using child = await startGbx(['migrate', 'status'], { env: { DB_HOST: '127.0.0.1', DB_PORT: '1', DB_USER: 'x' } });
    expect(await child.exit()).toMatchObject({ code: 69 });
    expect(child.stderr()).toContain('from:  DB_HOST (environment), DB_PORT (environment)');
  });
});
