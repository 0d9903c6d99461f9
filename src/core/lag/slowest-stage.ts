// Where the pipeline is held up, in one line: before Kafka, in loading, or by rows that are refused. Pure; the live view's
// header prints it. It names what the report shows, and says so where nothing stands out.
import type { LagReport, PartitionReport } from './assess.ts';
import { formatDuration } from './format-duration.ts';

export interface SlowestStage {
  readonly stage: 'accept' | 'load' | 'retries' | 'dead letters' | 'none' | 'unknown';
  readonly because: string;
  readonly isTrouble: boolean;
}

/** The newest row may be as much older than the lag explains before the stages ahead of Kafka are named. */
const UNEXPLAINED_MS = 60_000;

export function slowestStage(report: LagReport): SlowestStage {
  const { partitions, total, sample, deadLetters, freshnessMs } = report;
  const worst = partitions.find((one) => one.sample.partition === total.worst);
  if (worst !== undefined && (total.severity === 'error' || total.severity === 'warn')) {
    return { stage: 'load', because: `${nameOf(worst)} ${worst.because}`, isTrouble: true };
  }
  if ((deadLetters.perMinute ?? 0) >= 1) {
    return { stage: 'dead letters', because: `${Math.round(deadLetters.perMinute ?? 0)} more a minute`, isTrouble: true };
  }
  const retries = sample.retries?.records ?? 0;
  if (retries > 0 && retries >= (total.lagAtLeast ?? 0)) {
    return { stage: 'retries', because: `${retries.toLocaleString('en-US')} wait for another try`, isTrouble: true };
  }
  if (freshnessMs !== undefined && total.behindMs !== undefined && freshnessMs - total.behindMs > UNEXPLAINED_MS) {
    const age = formatDuration(freshnessMs);
    return { stage: 'accept', because: `the newest row is ${age} old, and nothing newer waits in Kafka`, isTrouble: true };
  }
  if (total.inPerSecond === undefined) return { stage: 'unknown', because: 'one look does not tell', isTrouble: false };
  if (total.inPerSecond === 0) return { stage: 'accept', because: 'nothing comes in', isTrouble: false };
  if (worst !== undefined && (total.lagAtLeast ?? 0) > 0 && (total.behindMs ?? 0) > 0) {
    return { stage: 'load', because: `${formatDuration(total.behindMs ?? 0)} behind, and keeping up`, isTrouble: false };
  }
  return { stage: 'none', because: 'all keep up', isTrouble: false };
}

function nameOf({ sample, verdict }: PartitionReport): string {
  return `p${sample.partition} ${verdict}:`;
}
