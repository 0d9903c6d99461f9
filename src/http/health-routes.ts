// /livez, /readyz and /metrics, of serve and of consume. Alive means that the process answers, never that others do,
// so an outage of Kafka restarts nothing; ready means that it can do its work now, and says why not.
import type { FastifyInstance } from 'fastify';
import { answerJson } from './answer.ts';

/** One thing that must be right: `message` and `code` say what is wrong with it. */
export interface HealthCheck {
  readonly ok: boolean;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  /** One next step. */
  readonly hint?: string | undefined;
  /** False: said for information, readiness does not follow it. */
  readonly required?: false;
}

export type HealthChecks = Readonly<Record<string, HealthCheck>>;

export interface HealthDeps {
  /** Ready when all that are required are ok. */
  readonly readiness: () => HealthChecks;
  readonly metrics: { render(): Promise<string>; readonly contentType: string };
}

export function addHealthRoutes(app: FastifyInstance, { readiness, metrics }: HealthDeps): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  app.get('/livez', (_request, reply) => answerJson(reply, 200, { status: 'alive' }));
  app.get('/readyz', (_request, reply) => {
    const checks = readiness();
    const isReady = Object.values(checks).every((check) => check.ok || check.required === false);
    return answerJson(reply, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not_ready', checks });
  });
  app.get('/metrics', async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.render()));
}

export function isAllOk(checks: HealthChecks): boolean {
  return Object.values(checks).every((check) => check.ok);
}
