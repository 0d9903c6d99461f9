// The flags of `gbx produce` as one typed order, with what is meant where nothing is said. Pure; every wrong flag is named
// before anything is opened.
import { GbxError } from '../errors.ts';
import { parseExperiments, skewExperiments } from '../traffic/parse-experiments.ts';
import type { Trouble } from '../traffic/slots.ts';
import { EXPERIMENTS, type TrafficExperiment } from '../traffic/traffic.ts';
import { parseBurst, parseCount, parseLate, parseRate, parseShare, parseStages } from './parse-plan.ts';
import { type Burst, peakPerSecond, type Stage } from './schedule.ts';
import { parseThresholds, type Threshold } from './thresholds.ts';

export interface ProduceOrder {
  readonly url: string | undefined;
  /** Empty: as fast as possible. */
  readonly stages: readonly Stage[];
  readonly burst: Burst | undefined;
  /** Infinite where nothing bounds them. */
  readonly count: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly thresholds: readonly Threshold[];
  readonly runId: string;
  readonly seed: string;
  readonly users: number;
  readonly zipfExponent: number;
  /** As GrowthBook would have them, and as they are sent: the same without --srm, none for lines. */
  readonly experiments: readonly TrafficExperiment[];
  readonly sentExperiments: readonly TrafficExperiment[];
  readonly trouble: Trouble;
  /** `-` is stdin. */
  readonly file: string | undefined;
  readonly skipInvalid: boolean;
  readonly batchRecordsMax: number;
  readonly inFlightMax: number;
  readonly retryForMs: number;
  readonly manifest: string | undefined;
  readonly isDryRun: boolean;
  readonly confirm: string | undefined;
  /** All that shapes the load: the flags as they were typed, and what is meant where nothing is said. */
  readonly asked: Readonly<Record<string, string | number>>;
}

type Options = Readonly<Record<string, unknown>>;

const RATE_DEFAULT = '100/s';
const DURATION_MS_DEFAULT = 30_000;
const RETRY_FOR_MS_DEFAULT = 30_000;
const WARMUP_MS_MAX = 3_000;
const USERS_DEFAULT = 10_000;
const USERS_MAX = 1_000_000;
const ZIPF_DEFAULT = 1.1;
/** serve takes 1,000 items in a request. */
const POST_RECORDS_MAX = 1_000;
const KAFKA_RECORDS_MAX = 10_000;
const RUN_ID = /^[\w.:-]{1,64}$/u;
/** What only synthetic exposures have. */
const SYNTHETIC = ['seed', 'users', 'zipf', 'experiments', 'srm', 'duplicates', 'late', 'malformed'] as const;

/** @param runId where none is given @throws {GbxError} GBX_USAGE */
export function readOptions(options: Options, { runId: minted }: { readonly runId: string }): ProduceOrder {
  const url = textOf(options, 'url');
  const file = textOf(options, 'file');
  const runId = textOf(options, 'runId') ?? minted;
  if (!RUN_ID.test(runId)) throw usage('--run-id must be 1 to 64 letters, digits, dots, colons, dashes or underscores');
  const synthetic = SYNTHETIC.find((name) => options[name] !== undefined);
  if (file !== undefined && synthetic !== undefined) throw usage(`--${synthetic} is for synthetic exposures: leave it or --file out`);
  if (file === undefined && options['skipInvalid'] === true) throw usage('--skip-invalid is for --file');
  const users = Number(options['users'] ?? USERS_DEFAULT);
  if (users > USERS_MAX) throw usage(`--users must be at most ${USERS_MAX}`);
  const experiments = textOf(options, 'experiments');
  // Lines have their own, and nobody knows with what weights.
  const usual = file === undefined ? EXPERIMENTS : [];
  const wanted = experiments === undefined ? usual : parseExperiments('--experiments', experiments);
  const srm = textOf(options, 'srm');
  const pace = readPace(options, file);
  const threshold = textOf(options, 'threshold');
  const zipfExponent = Number(options['zipf'] ?? ZIPF_DEFAULT);
  const batches = readBatches(options, url);
  const retryForMs = readMs(options, 'retryFor') ?? RETRY_FOR_MS_DEFAULT;
  const { batchRecordsMax: batch, inFlightMax: inFlight } = batches;
  return {
    url,
    ...pace,
    thresholds: threshold === undefined ? [] : parseThresholds('--threshold', threshold),
    runId,
    seed: textOf(options, 'seed') ?? runId,
    users,
    zipfExponent,
    experiments: wanted,
    sentExperiments: srm === undefined ? wanted : skewExperiments(wanted, { flag: '--srm', text: srm }),
    trouble: readTrouble(options),
    file,
    skipInvalid: options['skipInvalid'] === true,
    ...batches,
    retryForMs,
    manifest: textOf(options, 'manifest'),
    isDryRun: options['dryRun'] === true,
    confirm: textOf(options, 'confirm'),
    asked: { ...askedOf(options), ...(file === undefined ? { users, zipf: zipfExponent } : {}), batch, inFlight, retryForMs },
  };
}

function readPace(
  options: Options,
  file: string | undefined,
): Pick<ProduceOrder, 'stages' | 'burst' | 'count' | 'durationMs' | 'warmupMs'> {
  const [rateText, stageText, burstText, countText] = ['rate', 'stage', 'burst', 'count'].map((name) => textOf(options, name));
  if (rateText !== undefined && stageText !== undefined) throw usage('--stage says the rates: leave --rate out');
  const rate = parseRate('--rate', rateText ?? (file === undefined ? RATE_DEFAULT : 'max'));
  const count = countText === undefined ? Number.POSITIVE_INFINITY : parseCount('--count', countText);
  const isBounded = count < Number.POSITIVE_INFINITY || stageText !== undefined || file !== undefined;
  const durationMs = readMs(options, 'duration') ?? (isBounded ? Number.POSITIVE_INFINITY : DURATION_MS_DEFAULT);
  if (durationMs === 0) throw usage('--duration must be longer than 0');
  const stages = stageText === undefined ? evenStage(rate, durationMs) : parseStages('--stage', stageText);
  if (burstText !== undefined && stages.length === 0) throw usage('--burst comes on top of a rate: --rate max has none');
  const burst = burstText === undefined ? undefined : parseBurst('--burst', burstText);
  const warmupMs = readMs(options, 'warmup') ?? warmupOf({ stages, burst, count, durationMs });
  return { stages, burst, count, durationMs, warmupMs };
}

function evenStage(rate: number | 'max', durationMs: number): readonly Stage[] {
  return rate === 'max' ? [] : [{ fromPerSecond: rate, toPerSecond: rate, durationMs }];
}

function warmupOf({ stages, burst, count, durationMs }: Pick<ProduceOrder, 'stages' | 'burst' | 'count' | 'durationMs'>): number {
  const stagesMs = stages.length === 0 ? durationMs : stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  const countMs = stages.length === 0 ? Number.POSITIVE_INFINITY : (count / peakPerSecond(stages, burst)) * 1000;
  const lengthMs = Math.min(durationMs, stagesMs, countMs);
  // How long a run as fast as possible takes, nobody knows before.
  return lengthMs === Number.POSITIVE_INFINITY ? 0 : Math.min(WARMUP_MS_MAX, lengthMs / 10);
}

function readTrouble(options: Options): Trouble {
  const [duplicates, late, malformed] = ['duplicates', 'late', 'malformed'].map((name) => textOf(options, name));
  const copies = duplicates === undefined ? 0 : parseShare('--duplicates', duplicates);
  const spoiled = malformed === undefined ? 0 : parseShare('--malformed', malformed);
  const { share, lateMs } = late === undefined ? { share: 0, lateMs: 0 } : parseLate('--late', late);
  if (copies + spoiled + share > 1) throw usage('--duplicates, --late and --malformed are more than 100 % together');
  return { copies, malformed: spoiled, late: share, lateMs };
}

function readBatches(options: Options, url: string | undefined): Pick<ProduceOrder, 'batchRecordsMax' | 'inFlightMax'> {
  const most = url === undefined ? KAFKA_RECORDS_MAX : POST_RECORDS_MAX;
  const batchRecordsMax = Number(options['batch'] ?? (url === undefined ? 3_000 : 200));
  if (batchRecordsMax > most) throw usage(`--batch must be at most ${most}${url === undefined ? '' : ' with --url'}`);
  const inFlightMax = Number(options['inFlight'] ?? (url === undefined ? 4 : batchRecordsMax === 1 ? 64 : 8));
  if (inFlightMax > 1_000) throw usage('--in-flight must be at most 1000');
  return { batchRecordsMax, inFlightMax };
}

const ECHOED = ['url', 'rate', 'count', 'stage', 'burst', 'duplicates', 'late', 'malformed', 'srm', 'experiments', 'file'] as const;

function askedOf(options: Options): Readonly<Record<string, string | number>> {
  const asked: Record<string, string | number> = {};
  for (const name of ECHOED) {
    const text = textOf(options, name);
    if (text !== undefined) asked[name] = text;
  }
  const durationMs = readMs(options, 'duration');
  return durationMs === undefined ? asked : { ...asked, durationMs };
}

function textOf(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

function readMs(options: Options, name: string): number | undefined {
  const value = options[name];
  return typeof value === 'number' ? value : undefined;
}

function usage(message: string): GbxError {
  return new GbxError('GBX_USAGE', message, { hint: 'gbx produce --help' });
}
