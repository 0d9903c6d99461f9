// What reads back from the table need of the warehouse: serve's read routes and `gbx smoke` ask through it.
import type { Exposure } from './exposure.ts';

/** A row of growthbook.experiment_exposures. Attributes are JSON text, as the warehouse renders it. */
export interface StoredExposure extends Exposure {
  /** When it was loaded: microseconds since the Unix epoch, UTC. */
  readonly createdAtMicros: number;
}

interface ReadLimits {
  /** Only rows whose `ts` is at or after this: microseconds since the Unix epoch. */
  readonly sinceMicros: number;
  readonly rowsMax: number;
}

/** Newest `ts` first. @throws {GbxError} by the classes of core/errors */
export interface ReadExposures {
  byUser(dsUserId: string, limits: ReadLimits): Promise<readonly StoredExposure[]>;
  byExperiment(experimentId: string, limits: ReadLimits): Promise<readonly StoredExposure[]>;
  /** Every row that has one of these ids, doubled ones included. */
  byIds(exposureIds: readonly string[], limits: ReadLimits): Promise<readonly StoredExposure[]>;
}
