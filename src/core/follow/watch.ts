// Watches the way of exposures by three witnesses: the log lines of serve and consume, the topic itself, and the table
// itself. Used by `gbx dev`. What one witness cannot say is not shown; nothing here ever stops the pipeline.
import { type Clock, untilAborted } from '../clock.ts';
import { asGbxError, ERROR_CODES } from '../errors.ts';
import type { ReadExposures } from '../exposure/stored.ts';
import type { Source } from '../load/ports.ts';
import { followTopic } from './follow-topic.ts';
import { createFollower, type Follower, type SecondOfWays, type WayStep } from './follower.ts';

/** A line of the log of serve or consume. */
export interface LogEvent {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Something that somebody should look at. */
export interface Complaint {
  readonly atMs: number;
  readonly level: string;
  /** Which part says it. */
  readonly from: string;
  readonly text: string;
}

interface WatchScreen {
  step(step: WayStep): void;
  second(second: SecondOfWays): void;
  complaint(complaint: Complaint): void;
  note(text: string): void;
}

interface WatchDeps {
  /** A member of a group of its own. */
  readonly openSource: () => Promise<Source & AsyncDisposable>;
  readonly reader: Pick<ReadExposures, 'byIds'>;
  readonly screen: WatchScreen;
  readonly clock: Clock;
  readonly deadLetterTopic: string;
}

export interface Watch extends AsyncDisposable {
  readonly onEvent: (from: string, event: LogEvent) => void;
  /** Resolves when what arrives in Kafka from now on is seen, or when that takes too long to wait for. */
  readonly placed: Promise<void>;
}

const PLACED_WAIT_MS = 5_000;
const TICK_MS = 1_000;
/** To read the topic, with a pause between two. */
const ATTEMPTS = 10;
const PAUSE_MS = 1_000;

export function openWatch(deps: WatchDeps): Watch {
  const { clock, screen } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const follower = createFollower({ clock, onStep: screen.step, onSecond: screen.second });
  const look = createLook(follower, deps.reader);
  let onPlaced: () => void = () => undefined;
  const placed = new Promise<void>((resolve) => {
    onPlaced = resolve;
  });
  const following = followPatiently(deps, { follower, onPlaced, signal }).catch((error: unknown) => {
    onPlaced();
    if (!signal.aborted) screen.note(`the way into Kafka is not shown: ${asGbxError(error).message}`);
  });
  const ticking = tick(clock, { follower, look, signal });
  return {
    placed: Promise.race([placed, clock.sleep(PLACED_WAIT_MS, signal)]),
    onEvent: (from, event) => onEvent(deps, { follower, look }, { from, event }),
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await Promise.all([following, ticking]);
    },
  };
}

interface Watching {
  readonly follower: Follower;
  /** Looks for what is awaited in the table. */
  readonly look: () => Promise<void>;
}

function onEvent(
  { clock, screen, deadLetterTopic }: WatchDeps,
  { follower, look }: Watching,
  said: { readonly from: string; readonly event: LogEvent },
): void {
  const { from } = said;
  const { level, event, fields } = said.event;
  const complain = (text: string): void => screen.complaint({ atMs: clock.now(), level, from, text });
  if (event === 'exposure.accepted') follower.accepted(String(fields['exposureId']), Number(fields['durationMs']));
  if (event === 'batch.loaded') {
    follower.batchLoaded({ records: Number(fields['records']), inserted: Number(fields['inserted']) || 0 });
    const letters = Number(fields['deadLetters']);
    if (letters > 0) complain(`${letters} ${letters === 1 ? 'record' : 'records'} given up, with the reason, into ${deadLetterTopic}`);
    void look();
  }
  if (level === 'warn' || level === 'error') complain(`${event} ${JSON.stringify(fields)}`);
}

interface FollowOptions {
  readonly follower: Follower;
  readonly onPlaced: () => void;
  readonly signal: AbortSignal;
}

/** A coordinator that is still loading its group is no reason to show less for the rest of the day. */
async function followPatiently(deps: WatchDeps, options: FollowOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await followUntil(deps, options);
      return;
    } catch (error) {
      const isOver = options.signal.aborted || attempt === ATTEMPTS;
      if (isOver || ERROR_CODES[asGbxError(error).code].failure !== 'transient') throw error;
      await deps.clock.sleep(PAUSE_MS, options.signal);
    }
  }
}

async function followUntil({ openSource }: WatchDeps, { follower, onPlaced, signal }: FollowOptions): Promise<void> {
  const opening = openSource();
  // The end does not wait for a broker that does not answer.
  await Promise.race([opening, untilAborted(signal)]);
  if (signal.aborted) {
    void opening.then((late) => late[Symbol.asyncDispose]()).catch(() => undefined);
    return;
  }
  await using source = await opening;
  await followTopic(source, follower, { onPlaced, signal });
}

/** One question at a time. */
function createLook(follower: Follower, reader: WatchDeps['reader']): () => Promise<void> {
  let isLooking = false;
  return async () => {
    const ids = follower.awaited();
    if (isLooking || ids.length === 0) return;
    isLooking = true;
    // While the warehouse is away there is nothing to see; consume says why.
    const rows = await reader.byIds(ids, { sinceMicros: 0, rowsMax: ids.length }).catch(() => []);
    isLooking = false;
    for (const row of rows) follower.inTable(row);
  };
}

async function tick(clock: Clock, { follower, look, signal }: Watching & { readonly signal: AbortSignal }): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(TICK_MS, signal);
    follower.tick();
    if (!signal.aborted) await look();
  }
}
