// The bodies that the HTTP measurements post: synthetic traffic without id and time, so that serve mints both.
import { createTraffic } from '../src/core/traffic/traffic.ts';

export const CONNECTIONS = 256;
const BODIES = 500;

export function postBodies(): string[] {
  const traffic = createTraffic({ seed: 'bench-http', startMs: 0 });
  return Array.from({ length: BODIES }, (_, i) => {
    const { ds_user_id, experiment_id, variation_id, attributes } = traffic.eventAt(i);
    return JSON.stringify({ ds_user_id, experiment_id, variation_id, attributes });
  });
}
