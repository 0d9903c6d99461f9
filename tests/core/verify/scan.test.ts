import { describe, expect, it } from 'vitest';
import { GbxError } from '../../../src/core/errors.ts';
import { scanLetters, scanManifest, scanStretches } from '../../../src/core/verify/scan.ts';
import { createWorld, exposure, manifestOf, SCOPE, sentOf } from './world.ts';

const quiet = { signal: new AbortController().signal, onProgress: (): void => undefined };

describe('scanStretches()', () => {
  const stretch = { topic: SCOPE.topic, partition: 0, from: 1n, to: 8n };

  it('ends by throwing once the signal aborts', async () => {
    const world = createWorld();
    for (let at = 0; at < 10; at++) world.put(exposure(`id-${at}`));
    const stopping = new AbortController();
    let read = 0;
    const onRecord = (): void => {
      read++;
      stopping.abort(new Error('enough'));
    };
    await expect(scanStretches(world.deps().logs, [stretch], { ...quiet, signal: stopping.signal, step: 's', onRecord })).rejects.toThrow(
      'enough',
    );
    expect(read).toBe(3);
  });

  it('hands over each record of the stretch, and tells how far it is of all of them', async () => {
    const world = createWorld();
    for (let at = 0; at < 10; at++) world.put(exposure(`id-${at}`));
    const offsets: bigint[] = [];
    const progress: unknown[] = [];
    const onProgress = (...told: unknown[]): void => void progress.push(told);
    const options = {
      ...quiet,
      onProgress,
      step: 'reading',
      onRecord: ({ offset }: { offset: bigint }): void => void offsets.push(offset),
    };
    await scanStretches(world.deps().logs, [stretch, { ...stretch, from: 8n, to: 9n }], options);
    expect(offsets).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    expect(progress.at(-1)).toEqual(['reading', 8, 8]);
  });
});

describe('scanLetters()', () => {
  it('says that there is no topic, or that it may not be read; other failures it throws', async () => {
    const { logs } = createWorld().deps();
    const options = { ...quiet, onRecord: (): void => undefined };
    expect(await scanLetters(logs, 'none', options)).toEqual({ kind: 'no-topic' });
    const failing = (code: 'GBX_KAFKA_AUTH' | 'GBX_KAFKA_UNREACHABLE') => ({
      ...logs,
      ranges: async () => Promise.reject(new GbxError(code, 'no')),
    });
    expect(await scanLetters(failing('GBX_KAFKA_AUTH'), 'dlq', options)).toMatchObject({ kind: 'unreadable' });
    await expect(scanLetters(failing('GBX_KAFKA_UNREACHABLE'), 'dlq', options)).rejects.toMatchObject({ code: 'GBX_KAFKA_UNREACHABLE' });
  });

  it('counts what it reads and what has expired', async () => {
    const world = createWorld();
    for (let offset = 0n; offset < 5n; offset++) world.letter(exposure('a'), { offset });
    world.starts.set('dlq', 2n);
    const options = { ...quiet, onRecord: (): void => undefined };
    expect(await scanLetters(world.deps().logs, 'dlq', options)).toEqual({ kind: 'read', records: 3, expired: 2 });
  });
});

describe('scanManifest()', () => {
  it('names the file that is none', async () => {
    const lines = async function* () {
      yield 'hello';
    };
    const options = { ...quiet, onSent: () => undefined };
    await expect(scanManifest(lines(), { ...options, path: 'sent.ndjson' })).rejects.toMatchObject({
      code: 'GBX_USAGE',
      message: 'Cannot read the manifest sent.ndjson as line 1 is not JSON',
    });
    await expect(scanManifest(lines(), options)).rejects.toThrow('Cannot read the manifest as line 1 is not JSON');
    await expect(scanManifest(manifestOf([])(), { ...options, path: 'sent.ndjson' })).resolves.toMatchObject({ count: 0 });
  });

  it('tells its head, then each exposure', async () => {
    const told: string[] = [];
    const head = await scanManifest(manifestOf([sentOf(exposure('a')), sentOf(exposure('b'))])(), {
      ...quiet,
      onSent: ({ exposureId }) => void told.push(exposureId),
    });
    expect([head.runId, ...told]).toEqual(['run-1', 'a', 'b']);
  });
});
