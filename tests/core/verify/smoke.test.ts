import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { GbxError } from '../../../src/core/errors.ts';
import { parsePosted } from '../../../src/core/exposure/posted.ts';
import type { StoredExposure } from '../../../src/core/exposure/stored.ts';
import type { Manifest } from '../../../src/core/traffic/manifest.ts';
import type { PostedExposure } from '../../../src/core/traffic/traffic.ts';
import { type PostOutcome, runSmoke, type SmokeDeps } from '../../../src/core/verify/smoke.ts';

const PLAN = { runId: 'smoke-test', count: 20, timeoutMs: 10_000 };
const START_MS = Date.UTC(2026, 0, 31, 12);

/** Time passes by sleeping and by posting, at once. */
function quickClock(): Clock & { pass(ms: number): void } {
  let elapsedMs = 0;
  const pass = (ms: number): void => {
    elapsedMs += ms;
  };
  return { now: () => START_MS + elapsedMs, elapsed: () => elapsedMs, sleep: async (ms) => pass(ms), pass };
}

interface World {
  /** What serve says to the n-th post, from 0. */
  readonly answer?: (n: number, event: PostedExposure) => PostOutcome;
  /** How long after its post an exposure can be read. */
  readonly loadMs?: number;
  /** What the table holds instead of a row. */
  readonly store?: (row: StoredExposure, n: number) => readonly StoredExposure[];
  /** How long after the first row of an exposure its others can be read. */
  readonly secondRowMs?: number;
  /** Called before each read, from 0: may throw. */
  readonly beforeRead?: (n: number) => void;
  readonly signal?: AbortSignal;
}

/** A serve and a warehouse that do what they are told. */
function createWorld(world: World) {
  const { answer = () => ({ kind: 'accepted' }), loadMs = 1000, store = (row) => [row], secondRowMs = 0, beforeRead, signal } = world;
  const clock = quickClock();
  const stored: { readonly atMs: number; readonly row: StoredExposure }[] = [];
  const posted: PostedExposure[] = [];
  const manifests: Manifest[] = [];
  let reads = 0;
  const deps: SmokeDeps = {
    post: async (event) => {
      const n = posted.push(event) - 1;
      clock.pass(3);
      const outcome = answer(n, event);
      const parsed = parsePosted(event, { acceptedAtMs: clock.now(), itemIndex: 0, mintId: () => 'none' });
      if (outcome.kind === 'accepted' && parsed.kind === 'valid') {
        const rows = store({ ...parsed.exposure, createdAtMicros: clock.now() * 1000 }, n);
        for (const [index, row] of rows.entries()) stored.push({ atMs: clock.elapsed() + loadMs + index * secondRowMs, row });
      }
      return outcome;
    },
    readByIds: async (ids) => {
      beforeRead?.(reads++);
      return stored.filter(({ atMs, row }) => atMs <= clock.elapsed() && ids.includes(row.exposureId)).map(({ row }) => row);
    },
    onSent: (manifest) => manifests.push(manifest),
    clock,
    random: () => 0.5,
    signal: signal ?? new AbortController().signal,
  };
  return { deps, posted, manifests, clock };
}

describe('runSmoke() throws', () => {
  test('before it posts anything, when the warehouse cannot be read', async () => {
    const { deps, posted } = createWorld({
      beforeRead: () => {
        throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'gone');
      },
    });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
    expect(posted).toEqual([]);
  });

  test('after a few attempts with one exposure, when nobody answers', async () => {
    const { deps, posted } = createWorld({ answer: () => ({ kind: 'unavailable', reason: 'ECONNREFUSED' }) });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({
      code: 'GBX_SERVE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(new Set(posted.map(({ exposure_id }) => exposure_id)).size).toBe(1);
    expect(posted.length).toBe(5);
  });

  test('when serve takes some and then no more', async () => {
    const { deps, manifests } = createWorld({ answer: (n) => (n < 10 ? { kind: 'accepted' } : { kind: 'unavailable', reason: '503' }) });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({ code: 'GBX_SERVE_UNREACHABLE' });
    expect(manifests[0]?.sent.filter(({ outcome }) => outcome === 'ok')).toHaveLength(10);
  });

  test('when no answer is clear', async () => {
    const { deps } = createWorld({ answer: () => ({ kind: 'unknown', reason: '504 outcome_unknown' }) });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({ code: 'GBX_SEND_UNKNOWN' });
  });

  test('when the warehouse goes away and stays away, once the time is over', async () => {
    const { deps, clock } = createWorld({
      beforeRead: (n) => {
        if (n > 0) throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'gone');
      },
    });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_UNREACHABLE' });
    expect(clock.elapsed()).toBeGreaterThanOrEqual(PLAN.timeoutMs);
  });

  test('at once, when the warehouse says what no waiting mends', async () => {
    const { deps, clock } = createWorld({
      beforeRead: (n) => {
        if (n > 0) throw new GbxError('GBX_WAREHOUSE_SCHEMA', 'no table');
      },
    });
    await expect(runSmoke(PLAN, deps)).rejects.toMatchObject({ code: 'GBX_WAREHOUSE_SCHEMA' });
    expect(clock.elapsed()).toBeLessThan(1000);
  });
});

describe('runSmoke() finds', () => {
  test('that nothing came in time', async () => {
    const { deps, clock } = createWorld({ loadMs: 3_600_000 });
    const result = await runSmoke(PLAN, deps);
    expect(result).toMatchObject({ verdict: 'timeout', acceptedCount: 20, comparison: { loaded: [] }, loadMs: [] });
    expect(result.comparison.missing).toHaveLength(20);
    expect(clock.elapsed()).toBeLessThan(PLAN.timeoutMs + 2000);
  });

  test('which are missing', async () => {
    const { deps, posted } = createWorld({ store: (row, n) => (n === 7 ? [] : [row]) });
    const result = await runSmoke(PLAN, deps);
    expect(result).toMatchObject({ verdict: 'failed', comparison: { missing: [posted[7]?.exposure_id] } });
    expect(result.comparison.loaded).toHaveLength(19);
  });

  test('which are doubled, though the second row comes on the heels of the first', async () => {
    const { deps, posted } = createWorld({ store: (row, n) => (n === 19 ? [row, row] : [row]), secondRowMs: 400 });
    expect(await runSmoke(PLAN, deps)).toMatchObject({
      verdict: 'failed',
      comparison: { doubled: [{ exposureId: posted[19]?.exposure_id, rows: 2 }] },
    });
  });

  test('which are altered, and in what', async () => {
    const { deps, posted } = createWorld({ store: (row, n) => [n === 7 ? { ...row, tsMicros: row.tsMicros + 1, source: 'x' } : row] });
    const result = await runSmoke(PLAN, deps);
    const id = posted[7]?.exposure_id ?? '';
    expect(result).toMatchObject({ verdict: 'failed', comparison: { altered: [id] } });
    expect(result.alteredFields).toEqual(new Map([[id, ['timestamp', 'source']]]));
  });

  test('which are refused, and asks for those only once', async () => {
    const { deps, posted } = createWorld({ answer: (n) => (n === 7 ? { kind: 'refused', reason: '400 invalid' } : { kind: 'accepted' }) });
    const result = await runSmoke(PLAN, deps);
    expect(result).toMatchObject({ verdict: 'failed', acceptedCount: 19 });
    expect(result.refused).toEqual(new Map([[posted[7]?.exposure_id, '400 invalid']]));
    expect(posted).toHaveLength(20);
  });

  test('which have no clear answer to the end, though the others are right', async () => {
    const { deps } = createWorld({});
    const post: SmokeDeps['post'] = async (event, signal) =>
      event.exposure_id.endsWith('-7') ? { kind: 'unknown', reason: '504' } : deps.post(event, signal);
    expect(await runSmoke(PLAN, { ...deps, post })).toMatchObject({
      verdict: 'failed',
      comparison: { unknownAbsent: [expect.stringMatching(/-7$/)] },
    });
  });

  test('which may be stored after a lost answer, though every further attempt was refused for now', async () => {
    const { deps, manifests } = createWorld({});
    let attempts = 0;
    const post: SmokeDeps['post'] = async (event, signal) => {
      if (!event.exposure_id.endsWith('-7')) return deps.post(event, signal);
      return attempts++ === 0 ? { kind: 'unknown', reason: '504' } : { kind: 'unavailable', reason: '503' };
    };
    expect(await runSmoke(PLAN, { ...deps, post })).toMatchObject({ verdict: 'failed', acceptedCount: 19 });
    expect(manifests[0]?.sent.filter(({ outcome }) => outcome === 'unknown')).toHaveLength(1);
  });

  test('that it was interrupted, without waiting further', async () => {
    const stopping = new AbortController();
    const { deps } = createWorld({
      signal: stopping.signal,
      answer: (n) => {
        if (n === 5) stopping.abort();
        return { kind: 'accepted' };
      },
    });
    const result = await runSmoke(PLAN, deps);
    expect(result.verdict).toBe('interrupted');
    expect(result.acceptedCount).toBeLessThan(20);
  });
});

describe('runSmoke() passes', () => {
  test('when each came once, as it was sent, with the times that it took', async () => {
    const { deps, posted, manifests } = createWorld({});
    const result = await runSmoke(PLAN, deps);
    expect(result).toMatchObject({ verdict: 'passed', acceptedCount: 20, comparison: { missing: [], doubled: [], altered: [] } });
    expect(result.acceptMs).toHaveLength(20);
    expect(result.loadMs).toHaveLength(20);
    expect(Math.min(...result.loadMs)).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...result.loadMs)).toBeLessThan(1500);
    expect(new Set(posted.map(({ experiment_id }) => experiment_id))).toEqual(new Set(['gbx-smoke']));
    expect(manifests).toHaveLength(1);
    expect(manifests[0]?.head).toMatchObject({ runId: 'smoke-test', count: 20 });
  });

  test('after a lost answer and a refusal for now, with the same id again', async () => {
    const { deps, posted } = createWorld({
      answer: (n) =>
        n === 2 ? { kind: 'unknown', reason: '504' } : n === 4 ? { kind: 'unavailable', reason: '503' } : { kind: 'accepted' },
    });
    expect(await runSmoke(PLAN, deps)).toMatchObject({ verdict: 'passed', acceptedCount: 20 });
    expect(posted).toHaveLength(22);
    expect(new Set(posted.map(({ exposure_id }) => exposure_id)).size).toBe(20);
  });

  test('after the warehouse was away for a while', async () => {
    const { deps } = createWorld({
      beforeRead: (n) => {
        if (n > 0 && n < 10) throw new GbxError('GBX_WAREHOUSE_UNREACHABLE', 'gone');
      },
    });
    expect(await runSmoke(PLAN, deps)).toMatchObject({ verdict: 'passed' });
  });

  test('with more ids than one read takes', async () => {
    const { deps } = createWorld({});
    const sizes: number[] = [];
    const readByIds: SmokeDeps['readByIds'] = (ids, limits) => {
      sizes.push(ids.length);
      return deps.readByIds(ids, limits);
    };
    expect(await runSmoke({ ...PLAN, count: 1200, timeoutMs: 60_000 }, { ...deps, readByIds })).toMatchObject({
      verdict: 'passed',
      acceptedCount: 1200,
    });
    expect(Math.max(...sizes)).toBe(500);
  });

  test('with the same exposures for the same run id, whenever they are posted', async () => {
    const [one, other] = [createWorld({}), createWorld({})];
    await runSmoke(PLAN, one.deps);
    other.clock.pass(5000);
    await runSmoke(PLAN, other.deps);
    const content = (events: readonly PostedExposure[]): unknown => events.map(({ timestamp: _, ...rest }) => rest);
    expect(content(other.posted)).toEqual(content(one.posted));
  });
});
