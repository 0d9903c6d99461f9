// Every failure that gbx can name: one closed table of codes, each with its exit code, what a running
// pipeline does about it, and one next step. Adapters translate vendor errors into these at their edge.

/** Process exit codes (README.md): 0 to 2 as grep has them, 64 to 78 from sysexits.h, 124 from timeout(1). */
export const EXIT = {
  done: 0,
  no: 1,
  usage: 2,
  badData: 65,
  unavailable: 69,
  bug: 70,
  tryAgain: 75,
  permission: 77,
  config: 78,
  timeout: 124,
} as const;

/**
 * What a running pipeline does about a failure (docs/delivery.md).
 * `transient`: hold and try again. `contention`: again in place. `ambiguous`: ask the ledger.
 * `systemic`: hold, loudly, until somebody mends it. `row`: the data itself is refused. `fatal`: end the process.
 */
export type FailureClass = 'transient' | 'contention' | 'ambiguous' | 'systemic' | 'row' | 'fatal';

interface ErrorEntry {
  readonly exit: number;
  readonly failure: FailureClass;
  readonly hint: string;
}

const TABLE = {
  GBX_BUG: { exit: EXIT.bug, failure: 'fatal', hint: 'this is a bug in gbx: please report it with the stack below' },
  GBX_USAGE: { exit: EXIT.usage, failure: 'fatal', hint: 'see `gbx --help`' },
  GBX_CONFIG: { exit: EXIT.config, failure: 'fatal', hint: 'see every setting and its source: `gbx config explain`' },
  GBX_REFUSED_IN_PRODUCTION: { exit: EXIT.config, failure: 'fatal', hint: 'use gbx serve and gbx consume' },
  GBX_INPUT_INVALID: { exit: EXIT.badData, failure: 'fatal', hint: 'mend the line' },
  GBX_SERVE_UNREACHABLE: { exit: EXIT.unavailable, failure: 'fatal', hint: 'is `gbx serve` running, and is --url right?' },
  GBX_PORT_IN_USE: { exit: EXIT.unavailable, failure: 'fatal', hint: 'stop what listens there, or choose another port' },
  GBX_LOCAL_STACK: { exit: EXIT.unavailable, failure: 'fatal', hint: 'see docs/first-run.md' },

  GBX_KAFKA_UNREACHABLE: {
    exit: EXIT.unavailable,
    failure: 'transient',
    hint: 'check KAFKA_BOOTSTRAP_SERVERS and that the brokers are up',
  },
  GBX_KAFKA_TLS: { exit: EXIT.config, failure: 'systemic', hint: 'check GBX_KAFKA_CA_FILE and GBX_KAFKA_TLS' },
  GBX_KAFKA_AUTH: { exit: EXIT.permission, failure: 'systemic', hint: 'check the login and rights on the brokers' },
  GBX_TOPIC_MISSING: { exit: EXIT.config, failure: 'systemic', hint: 'create it: gbx migrate up' },
  GBX_GROUP_MISSING: { exit: EXIT.config, failure: 'fatal', hint: 'check GBX_CONSUMER_GROUP; a group is known once gbx consume has run' },
  GBX_LAG_UNKNOWN: { exit: EXIT.unavailable, failure: 'fatal', hint: 'try again; see what is not known: gbx lag --wide' },
  GBX_GROUP_REFUSED: {
    exit: EXIT.config,
    failure: 'systemic',
    hint: 'stop what else consumes with this group, or choose another name: GBX_CONSUMER_GROUP',
  },
  GBX_WAIT_OVER: { exit: EXIT.timeout, failure: 'fatal', hint: 'mend what was in the way, or wait for longer: --timeout' },
  GBX_TOPIC_CHANGED: {
    exit: EXIT.config,
    failure: 'fatal',
    hint: 'if the topic was made anew on purpose: gbx consume --reset-ledger earliest|committed|<offset> --execute',
  },
  GBX_COMMITTED_AHEAD: {
    exit: EXIT.config,
    failure: 'fatal',
    hint: 'stop the other consumer of this group; to go on behind it: gbx consume --reset-ledger committed --execute',
  },
  GBX_NOT_A_MEMBER: { exit: EXIT.tryAgain, failure: 'transient', hint: 'it joins its group again by itself' },
  GBX_BATCH_UNREADABLE: {
    exit: EXIT.badData,
    failure: 'fatal',
    hint: 'mend the broker’s disk or the producer; to go on behind the batch see docs/on-call.md',
  },
  GBX_CONSUMER_CRASHED: { exit: EXIT.unavailable, failure: 'fatal', hint: 'start it again: it goes on where the ledger stands' },
  GBX_RECORD_REFUSED: {
    exit: EXIT.badData,
    failure: 'row',
    hint: 'look at cleanup.policy and message.timestamp.* of the topic: it refuses the record for another reason than its size',
  },
  GBX_RECORD_TOO_LARGE: { exit: EXIT.badData, failure: 'row', hint: 'raise max.message.bytes of the topic, or send less' },
  GBX_SEND_UNKNOWN: { exit: EXIT.unavailable, failure: 'ambiguous', hint: 'send again with the same exposure_id' },
  GBX_SPOOL_FAILED: {
    exit: EXIT.unavailable,
    failure: 'transient',
    hint: 'make room on the disk of GBX_SPOOL_DIR, or mend it: serve goes on by itself',
  },
  GBX_SPOOL_IN_USE: {
    exit: EXIT.tryAgain,
    failure: 'fatal',
    hint: 'wait for that process to end, or give each its own folder: GBX_SPOOL_DIR',
  },
  GBX_SPOOL_NOT_EMPTY: {
    exit: EXIT.tryAgain,
    failure: 'fatal',
    hint: 'nothing is lost: start serve on the folder again, or empty it with gbx serve --drain-only',
  },

  GBX_REPLAY_RUNNING: {
    exit: EXIT.tryAgain,
    failure: 'fatal',
    hint: 'wait for it, or end it: gbx replay status, gbx replay cancel <plan>',
  },

  GBX_WAREHOUSE_UNREACHABLE: {
    exit: EXIT.unavailable,
    failure: 'transient',
    hint: 'check DB_HOST and DB_PORT, and that the warehouse is up',
  },
  GBX_WAREHOUSE_TLS: { exit: EXIT.config, failure: 'systemic', hint: 'check GBX_DB_CA_FILE and GBX_DB_TLS' },
  GBX_WAREHOUSE_AUTH: { exit: EXIT.permission, failure: 'systemic', hint: 'check DB_USER, DB_PASSWORD and DB_NAME' },
  GBX_WAREHOUSE_PERMISSION: { exit: EXIT.permission, failure: 'systemic', hint: 'grant the rights that docs/deploy.md lists' },
  GBX_WAREHOUSE_SCHEMA: { exit: EXIT.config, failure: 'systemic', hint: 'bring the schema up to date: gbx migrate up' },
  GBX_WAREHOUSE_BUSY: { exit: EXIT.tryAgain, failure: 'contention', hint: 'another session holds the lock; try again' },
  GBX_WAREHOUSE_OVERLOADED: {
    exit: EXIT.unavailable,
    failure: 'transient',
    hint: 'look at the warehouse: free disk, open connections, its longest queries',
  },
  GBX_WAREHOUSE_UNSURE: { exit: EXIT.unavailable, failure: 'ambiguous', hint: 'the ledger tells whether the batch is in' },
  GBX_ROW_REFUSED: { exit: EXIT.badData, failure: 'row', hint: 'the warehouse refuses a value that gbx takes for valid' },
  GBX_LEDGER_BROKEN: { exit: EXIT.bug, failure: 'fatal', hint: 'the ledger holds a partition twice: see docs/on-call.md' },
  GBX_FENCED: { exit: EXIT.tryAgain, failure: 'fatal', hint: 'another consumer claims the same partitions: stop one of them' },

  GBX_MIGRATION_DRIFT: { exit: EXIT.config, failure: 'fatal', hint: 'put the applied file back as it was, and make a new migration' },
  GBX_MIGRATION_FAILED: { exit: EXIT.no, failure: 'fatal', hint: 'mend the cause and run gbx migrate up again' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof TABLE;

export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorEntry>> = TABLE;

interface GbxErrorOptions {
  readonly cause?: unknown;
  /** Where the setting at fault came from, e.g. "DB_PASSWORD (environment)". */
  readonly from?: string;
  /** Replaces the table's next step where the place of failure knows a better one. */
  readonly hint?: string;
}

/** A failure with a name. The message says what failed in the user's words, without values of rows or secrets. */
export class GbxError extends Error {
  override readonly name = 'GbxError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly from: string | undefined;

  constructor(code: ErrorCode, message: string, options: GbxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERROR_CODES[code].hint;
    this.from = options.from;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exit;
  }

  get failure(): FailureClass {
    return ERROR_CODES[this.code].failure;
  }
}

/** The error as a GbxError: itself, or a bug that wraps it. */
export function asGbxError(error: unknown): GbxError {
  if (error instanceof GbxError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GbxError('GBX_BUG', message, { cause: error });
}
