// PostgreSQL: the stage is filled by COPY.
import type { Exposure } from '../core/exposure/exposure.ts';
import { STAGE_COLUMNS } from './dialect.ts';
import { encodeCopy } from './encode-copy.ts';
import type { Session } from './session.ts';

/** @returns the rows that the server says it took */
export async function fillByCopy(session: Session, rows: readonly Exposure[]): Promise<number> {
  return session.copyIn(`COPY gbx_stage (${STAGE_COLUMNS}) FROM STDIN`, encodeCopy(rows));
}
