// Times as people read them: `850ms`, `1.2s`, `12s`, `4m10s`, `3h05m`, `2d03h`. Used by every text that lag prints.

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 9_950) return `${Number((ms / 1000).toFixed(1))}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.round(ms / 3_600_000);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** An age that is known at most, not exactly. Undefined, not known: `-`. */
export function formatAge(ms: number | undefined): string {
  if (ms === undefined) return '-';
  if (ms === 0) return '0';
  return ms <= 1000 ? '≤1s' : formatDuration(ms);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
