// The headers that gbx sets on copies of records (docs/delivery.md): text all of them, numbers too. Nobody else's are trusted.

/** By what they say; `gbx-origin` is read and written by origin.ts. */
export const HEADERS = {
  origin: 'gbx-origin',
  retryCount: 'gbx-retry-count',
  /** Milliseconds since the Unix epoch, as are the two below it. */
  notBefore: 'gbx-not-before',
  firstFailedAt: 'gbx-first-failed-at',
  lastFailedAt: 'gbx-last-failed-at',
  errorCode: 'gbx-error-code',
  errorMessage: 'gbx-error-message',
  errorStage: 'gbx-error-stage',
  replayId: 'gbx-replay-id',
  replayCount: 'gbx-replay-count',
  runId: 'gbx-run-id',
} as const;
