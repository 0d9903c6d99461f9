// What `gbx serve` is measured against, a program of its own: a Fastify route that reads and checks the same bodies by
// the same compiled code, and answers the same. No Kafka, no metrics, no log.
import { randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { fastify } from 'fastify';
import { programInput } from './children.ts';

export interface BareServerInput {
  /** The build whose code checks the bodies. */
  readonly dist: string;
}

async function main({ dist }: BareServerInput): Promise<void> {
  const from = (module: string): string => pathToFileURL(`${dist}/${module}`).href;
  const { parsePosted } = (await import(from('core/exposure/posted.js'))) as typeof import('../src/core/exposure/posted.ts');
  const { mintId } = (await import(from('core/exposure/identity.js'))) as typeof import('../src/core/exposure/identity.ts');
  const { parseJsonBody } = (await import(from('http/parse-json-body.js'))) as typeof import('../src/http/parse-json-body.ts');
  const app = fastify({ logger: false, keepAliveTimeout: 75_000 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(['application/json', 'text/plain'], { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/exposure', async (request, reply) => {
    reply.header('content-type', 'application/json; charset=utf-8');
    const body = parseJsonBody(request.body);
    if (body.kind === 'wrong') return reply.code(400).send(JSON.stringify({ error: body.message }));
    const acceptedAtMs = Date.now();
    const posted = parsePosted(body.value, { acceptedAtMs, itemIndex: 0, mintId: () => mintId(acceptedAtMs, randomBytes(10)) });
    if (posted.kind === 'invalid') return reply.code(400).send(JSON.stringify({ error: posted.fields }));
    return reply.send(`{"status":"accepted","exposure_id":${JSON.stringify(posted.exposure.exposureId)}}`);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  process.once('SIGTERM', () => process.exit(0));
  console.log(JSON.stringify({ event: 'bare.listening', url }));
}

await main(programInput());
