// How much posted data may be in work at one time. Bodies are gathered in memory before anything can be known of them,
// so the bound is taken from the headers: beyond it a request is refused before its body is read.
import type { ServerResponse } from 'node:http';

interface LoadMax {
  readonly requestsMax: number;
  /** Sum of the announced body sizes; one that announces none counts as the largest allowed. */
  readonly bytesMax: number;
  readonly bodyBytesMax: number;
}

export interface LoadBound {
  /** False when the bound is reached; otherwise the request counts until its response is closed, however that ends. */
  enter(contentLength: string | undefined, response: ServerResponse): boolean;
  readonly requests: number;
}

export function createLoadBound({ requestsMax, bytesMax, bodyBytesMax }: LoadMax): LoadBound {
  let requests = 0;
  let bytes = 0;
  return {
    enter(contentLength, response) {
      const size = contentLength === undefined ? bodyBytesMax : Math.min(Number(contentLength), bodyBytesMax);
      if (requests > 0 && (requests >= requestsMax || bytes + size > bytesMax)) return false;
      requests += 1;
      bytes += size;
      response.once('close', () => {
        requests -= 1;
        bytes -= size;
      });
      return true;
    },
    get requests() {
      return requests;
    },
  };
}
