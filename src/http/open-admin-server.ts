// /livez, /readyz and /metrics on a port of their own, for commands that serve nothing else. Opened by consume, which
// gives it plain functions.
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { answerError } from './answer.ts';
import { createApp } from './create-app.ts';
import { addHealthRoutes, type HealthDeps } from './health-routes.ts';
import { type Listening, type ListenOptions, listen } from './listen.ts';

export interface AdminServerOptions extends Omit<HealthDeps, 'metrics'>, ListenOptions {
  readonly metrics: Metrics & HealthDeps['metrics'];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AdminServer extends Listening, AsyncDisposable {}

/** @throws {GbxError} GBX_PORT_IN_USE, GBX_CONFIG */
export async function openAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const app = createApp(options);
  addHealthRoutes(app, options);
  app.setNotFoundHandler((_request, reply) => answerError(reply, { code: 'not_found', message: 'there is no such route' }));
  const listening = await listen(app, options);
  return {
    ...listening,
    async [Symbol.asyncDispose]() {
      app.server.closeAllConnections();
      await listening.close();
    },
  };
}
