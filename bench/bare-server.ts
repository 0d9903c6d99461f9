// What `gbx serve` is measured against, a program of its own: a Fastify route that reads and checks the same bodies by
// the same compiled code, and answers the same. No Kafka, no metrics, no log.
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { fastify } from 'fastify';
import { programInput } from './children.ts';

export interface BareServerInput {
  /** The build whose code checks the bodies. */
  readonly dist: string;
  /** Also appends each exposure to this file and answers after fdatasync, which those who come meanwhile share. */
  readonly log?: string;
}

async function main({ dist, log }: BareServerInput): Promise<void> {
  const from = (module: string): string => pathToFileURL(`${dist}/${module}`).href;
  const { parsePosted } = (await import(from('core/exposure/posted.js'))) as typeof import('../src/core/exposure/posted.ts');
  const { mintId } = (await import(from('core/exposure/identity.js'))) as typeof import('../src/core/exposure/identity.ts');
  const { encodeExposure } = (await import(from('core/exposure/encode.js'))) as typeof import('../src/core/exposure/encode.ts');
  const { parseJsonBody } = (await import(from('http/parse-json-body.js'))) as typeof import('../src/http/parse-json-body.ts');
  const commit = log === undefined ? undefined : await openCommit(log);
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
    if (commit !== undefined) await commit(`${encodeExposure(posted.exposure)}\n`);
    return reply.send(`{"status":"accepted","exposure_id":${JSON.stringify(posted.exposure.exposureId)}}`);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  process.once('SIGTERM', () => process.exit(0));
  console.log(JSON.stringify({ event: 'bare.listening', url }));
}

/** The least that a group commit can be: no checksums, no bounds, no deadlines, nobody reads the file. */
async function openCommit(path: string): Promise<(text: string) => Promise<void>> {
  const file = await open(path, 'a');
  let texts: string[] = [];
  let waiting: (() => void)[] = [];
  let isRunning = false;
  async function run(): Promise<void> {
    isRunning = true;
    while (waiting.length > 0) {
      const [group, those] = [texts, waiting];
      [texts, waiting] = [[], []];
      await file.write(group.join(''));
      await file.datasync();
      for (const done of those) done();
    }
    isRunning = false;
  }
  return (text) =>
    new Promise((resolve) => {
      texts.push(text);
      waiting.push(resolve);
      if (!isRunning) void run();
    });
}

await main(programInput());
