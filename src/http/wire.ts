// The JSON that serve answers with: the shapes, and the codes of its errors. Written by the routes beside it, read by
// whoever posts (`gbx smoke`, the tests). Every error of every route has the one shape `{error:{code,message,fields?}}`.

/** As in core/exposure/validate: `field` is empty when the whole item is no object. */
export interface WireFieldError {
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

const HTTP_ERRORS = {
  not_json: 400,
  invalid: 400,
  bad_request: 400,
  unauthorized: 401,
  reads_off: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  too_large: 413,
  unsupported_media_type: 415,
  headers_too_large: 431,
  internal: 500,
  /** Refused before anything was sent: surely not stored. */
  unavailable: 503,
  warehouse_unavailable: 503,
  warehouse_not_set: 503,
  /** Sent to Kafka, no answer: stored or not; the same id may be posted again. */
  outcome_unknown: 504,
} as const;

export type HttpErrorCode = keyof typeof HTTP_ERRORS;

export interface ErrorBody {
  readonly error: {
    readonly code: HttpErrorCode;
    readonly message: string;
    /** Every wrong field at once, where fields are wrong. */
    readonly fields?: readonly WireFieldError[];
    /** Where the log says more. */
    readonly request_id?: string;
  };
}

/** POST /exposure: the answer of 200. */
export interface AcceptedBody {
  readonly status: 'accepted';
  readonly exposure_id: string;
}

/** POST /exposure: the answer of 503, 504 and 413 once the exposure was understood. */
export interface RefusedBody extends ErrorBody {
  readonly exposure_id: string;
}

/** What became of one item; `index` is its place in the request, from 0. */
export type ItemResult =
  | { readonly index: number; readonly status: 'accepted'; readonly exposure_id: string }
  | { readonly index: number; readonly status: 'invalid'; readonly fields: readonly WireFieldError[] }
  | {
      readonly index: number;
      readonly status: 'unavailable' | 'outcome_unknown' | 'too_large';
      readonly exposure_id: string;
      readonly message: string;
    };

/**
 * POST /exposures. 200: all accepted. 207: some. Otherwise none, with `error` besides, and the status of the best reason
 * to try again: 504, 503, 413, 400. `results` has an item for each posted one, in their order.
 */
export interface BatchBody {
  readonly status: 'accepted' | 'partial' | 'refused';
  readonly accepted: number;
  readonly rejected: number;
  readonly results: readonly ItemResult[];
  readonly error?: ErrorBody['error'];
}

/** An exposure as the read routes give it. */
export interface WireExposure {
  readonly exposure_id: string;
  readonly ds_user_id: string;
  readonly experiment_id: string;
  readonly variation_id: string;
  /** ISO 8601, UTC, microseconds. */
  readonly timestamp: string;
  readonly attributes: unknown;
  readonly source: string;
  /** When it was loaded. */
  readonly created_at: string;
}

export function statusOf(code: HttpErrorCode): number {
  return HTTP_ERRORS[code];
}

export function errorBody(code: HttpErrorCode, message: string, fields?: readonly WireFieldError[]): ErrorBody {
  return { error: { code, message, ...(fields === undefined ? {} : { fields }) } };
}
