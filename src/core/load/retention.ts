// How long the oldest record that is not loaded yet has been waiting, against how long the topic keeps it: what the log
// drops before it is loaded is lost, and nothing else warns of it in time.
import type { Loop } from './loop.ts';

const SHOW_EVERY_MS = 1_000;
const WARN_EVERY_MS = 600_000;
const WARN_FROM_RATIO = 0.5;

/**
 * A new claim drops what was read; it waits all the same, to be read again. Until that claim it is remembered here. Without the
 * batch in flight, which may be loaded yet.
 */
export function rememberWaiting(loop: Loop): void {
  loop.retention.droppedMs = oldestWaiting({ ...loop, flight: undefined });
}

/** A batch that was dropped as well. */
export function rememberDropped({ retention }: Loop, oldestMs: number): void {
  retention.droppedMs = oldestOf([retention.droppedMs, oldestMs]);
}

/** Shows it once a second, and warns from half of the retention on, every ten minutes. */
export function watchRetention(loop: Loop): void {
  const { deps, options, retention } = loop;
  const elapsedMs = deps.clock.elapsed();
  if (elapsedMs - retention.shownAtMs < SHOW_EVERY_MS) return;
  retention.shownAtMs = elapsedMs;
  const oldestMs = oldestWaiting(loop);
  const ageMs = oldestMs === undefined ? 0 : Math.max(0, deps.clock.now() - oldestMs);
  deps.metrics.set('gbx_oldest_waiting_record_age_seconds', ageMs / 1000);
  const { retentionMs } = options;
  if (retentionMs === undefined) return;
  const ratio = ageMs / retentionMs;
  deps.metrics.set('gbx_retention_used_ratio', ratio);
  if (ratio < WARN_FROM_RATIO || elapsedMs - retention.warnedAtMs < WARN_EVERY_MS) return;
  retention.warnedAtMs = elapsedMs;
  deps.log.warn('retention.half_used', {
    topic: deps.source.topic,
    oldestAgeMs: Math.round(ageMs),
    retentionMs,
    circuitOpen: deps.circuit.isOpen(),
    nextStep: 'see what keeps records from being loaded (the lines before), or raise retention.ms of the topic',
  });
}

/** When the oldest record was written that was read and is not loaded; undefined where none waits. */
function oldestWaiting({ filling, flight, hold, waiting, retention }: Loop): number | undefined {
  const times = [filling.oldestMs, flight?.batch.oldestMs, waiting?.event.records[waiting.index]?.timestampMs, retention.droppedMs];
  for (const { timestampMs } of hold.records()) times.push(timestampMs);
  return oldestOf(times);
}

function oldestOf(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined && Number.isFinite(time) && time > 0);
  return known.length === 0 ? undefined : Math.min(...known.map(Number));
}
