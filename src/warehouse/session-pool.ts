// A few sessions shared by many short reads. One that failed is thrown away; idle ones that the server closed are noticed.
import type { WarehouseConnection } from './connection.ts';
import { openSession, type Session } from './session.ts';

export interface SessionPool extends AsyncDisposable {
  /** Lends a session; waits for one when all are out. @throws {GbxError} what opening or the work throws */
  withSession<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

interface PoolOptions {
  readonly doing: string;
  readonly sessionsMax: number;
  readonly statementTimeoutMs: number;
}

/** Nothing is connected before the first use. */
export function openSessionPool(connection: WarehouseConnection, { doing, sessionsMax, statementTimeoutMs }: PoolOptions): SessionPool {
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  let lent = 0;
  let closed = false;

  async function take(): Promise<Session> {
    while (lent >= sessionsMax) await new Promise<void>((resolve) => waiting.push(resolve));
    lent++;
    for (let session = idle.pop(); session !== undefined; session = idle.pop()) {
      if (session.isOpen()) return session;
      await session[Symbol.asyncDispose]();
    }
    return openSession(connection, { doing, statementTimeoutMs });
  }

  async function giveBack(session: Session | undefined): Promise<void> {
    lent--;
    if (session?.isOpen() && !closed) idle.push(session);
    else await session?.[Symbol.asyncDispose]();
    waiting.shift()?.();
  }

  return {
    async withSession(work) {
      let session: Session | undefined;
      try {
        session = await take();
        return await work(session);
      } finally {
        await giveBack(session);
      }
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await Promise.all(idle.splice(0).map((session) => session[Symbol.asyncDispose]()));
    },
  };
}
