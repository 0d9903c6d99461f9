// Which browsers may post. Registered around the ingest routes only: the read routes never answer with these headers.
// Credentials are never allowed, so `*` gives a page nothing that any other program does not have.
import type { FastifyInstance } from 'fastify';

const PREFLIGHT_SECONDS = 86_400;

/** Adds the headers to every answer of this scope, errors included, and answers preflights of these paths. */
export function addCors(
  app: FastifyInstance,
  { origins, paths }: { readonly origins: readonly string[]; readonly paths: readonly string[] },
): void {
  const isOpen = origins.includes('*');
  const allowed = new Set(origins.map((origin) => origin.replace(/\/$/u, '').toLowerCase()));

  app.addHook('onRequest', (request, reply, done) => {
    if (isOpen) reply.header('access-control-allow-origin', '*');
    else {
      reply.header('vary', 'origin');
      const { origin } = request.headers;
      if (origin !== undefined && allowed.has(origin.toLowerCase())) reply.header('access-control-allow-origin', origin);
    }
    done();
  });

  for (const path of paths) {
    app.options(path, (_request, reply) =>
      reply
        .code(204)
        .header('access-control-allow-methods', 'POST')
        .header('access-control-allow-headers', 'content-type, idempotency-key')
        .header('access-control-max-age', PREFLIGHT_SECONDS)
        .send(),
    );
  }
}
