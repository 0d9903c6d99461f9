// Prints how long the live view of `gbx lag --watch` takes for a frame at 200 columns by 60 rows: from a new look until its
// lines are written, with every partition changed. Run by lag.ts in a process of its own.
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { Clock } from '../src/core/clock.ts';
import { assessLag } from '../src/core/lag/assess.ts';
import type { LagSample, PartitionSample } from '../src/core/lag/sample.ts';
import { createLagWindow } from '../src/core/lag/window.ts';

const SIZE = { columns: 200, rows: 60 };
const PARTITIONS = 60;
/** The first ones are compiled, not measured. */
const WARM_UP_FRAMES = 50;
const FRAMES = 200;

/** Milliseconds. */
export interface FrameFigures {
  /** Of the processor, mean: what a busy machine does not change. */
  readonly cpu: number;
  readonly p50: number;
  readonly p99: number;
}

function sampleOf(nth: number): LagSample {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition): PartitionSample => {
    const end = BigInt(1_000_000 + nth * (100 + partition));
    const position = end - BigInt(((nth * 7_919 + partition * 104_729) % 20_000) + 1);
    const member = { memberId: 'm', clientId: `loader-${partition % 6}`, host: '10.0.0.1', partitions: [partition] };
    const timeLag = { minMs: 10, maxMs: 1_000 + ((nth * 31 + partition) % 60) * 1_000 };
    return {
      partition,
      start: 0n,
      end,
      committed: position,
      loaded: position,
      loadedAtMs: 0,
      position,
      by: 'ledger',
      timeLag,
      member,
      error: undefined,
    };
  });
  return {
    ...{
      atMs: nth * 2_000,
      elapsedMs: nth * 2_000,
      tookMs: 5,
      clusterId: 'c',
      brokers: ['b:9092'],
      state: 'Stable',
      members: [],
      partitions,
      gone: [],
    },
    ...{ target: { group: 'g', topic: 't', deadLetterTopic: 'd', retryTopic: undefined }, timestampType: 'CreateTime', retries: undefined },
    ...{ deadLetters: { topic: 'd', records: nth, newestAgeMs: 5 }, warehouse: { kind: 'off' } },
  };
}

async function measure(): Promise<FrameFigures> {
  // As gbx does: React looks at it when it is imported.
  process.env['NODE_ENV'] = 'production';
  const { openLagView } = await import('../src/ui/lag/open-lag-view.tsx');
  let nth = 0;
  let written = (): void => undefined;
  // Each look comes when the last frame is long drawn.
  const clock: Clock = { now: () => nth * 2_000, elapsed: () => nth * 2_000, sleep: () => new Promise(() => undefined) };
  const events = new EventEmitter();
  const output = { ...SIZE, write: () => written(), on: events.on.bind(events), off: events.off.bind(events) };
  const input = new Readable({ read: () => undefined }) as unknown as NodeJS.ReadStream;
  const window = createLagWindow();
  const options = { allowedLag: 0, stallAfterMs: undefined, expectedGapMs: 2_000, startFrom: 'earliest' } as const;
  const look = () => {
    window.add(sampleOf(++nth));
    return { report: assessLag(window, options), breaches: [], elapsedMs: clock.elapsed() };
  };
  const none = (): void => undefined;
  await using view = openLagView(look(), {
    ...{
      output,
      input,
      clock,
      allowedLag: 0,
      paint: { hasColor: true, isUnicode: true },
      actions: { quit: none, pollNow: none, setInterval: none },
    },
    gaze: {
      ...{ page: 'table', isHelp: false, selected: 0, sort: 'lag', isReversed: false, onlyLagging: false },
      ...{ isDelta: false, filter: '', isTyping: false, intervalMs: 2_000 },
    },
  });
  const times: number[] = [];
  let cpuMs = 0;
  for (let frame = 0; frame < WARM_UP_FRAMES + FRAMES; frame++) {
    const next = look();
    const drawn = new Promise<void>((resolve) => {
      written = resolve;
    });
    const [startedMs, before] = [performance.now(), process.cpuUsage()];
    view.report(next);
    await drawn;
    const { user, system } = process.cpuUsage(before);
    if (frame < WARM_UP_FRAMES) continue;
    times.push(performance.now() - startedMs);
    cpuMs += (user + system) / 1_000;
  }
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { cpu: cpuMs / FRAMES, p50: at(0.5), p99: at(0.99) };
}

console.log(JSON.stringify(await measure()));
