// What `gbx serve` says of its spool when it ends, with what is set aside told apart from what Kafka has. Called by
// src/commands/serve.ts.
import type { SpoolLeft } from './open-spool.ts';

/** Nothing is left to be sent. Nobody shall throw the folder away in the belief that what was set aside is in Kafka. */
export function describeSent({ sentRecords, refusedRecords, damagedFiles, asideBytes }: SpoolLeft, folder: string): string {
  const state = asideBytes === 0 ? 'is empty' : 'has nothing left to send';
  const lines = [`The spool in ${folder} ${state}: ${sentRecords} records are in Kafka.`];
  if (refusedRecords > 0) lines.push(`Kafka refused ${refusedRecords} more: they are kept in refused/.`);
  if (damagedFiles > 0) lines.push(`A part of ${damagedFiles} files could not be read: they are kept in damaged/.`);
  if (asideBytes > 0) lines.push(`refused/ and damaged/ hold ${asideBytes} bytes: docs/spool.md says what to do with them.`);
  return lines.join('\n');
}

/** Something is left; as the message of an error. */
export function describeLeft({ records, bytes, newerFiles }: SpoolLeft, folder: string): string {
  if (records > 0) {
    const newer = newerFiles === 0 ? '' : `, and ${newerFiles} files of a newer gbx`;
    return `${records} records (${bytes} bytes) are left in the spool in ${folder}${newer}: Kafka did not take them in time`;
  }
  if (bytes === 0 && newerFiles > 0) return `${newerFiles} files of a newer gbx are left in the spool in ${folder}`;
  return `Files (${bytes} bytes) are left in the spool in ${folder} that could not be read or removed in time: the log says why`;
}
