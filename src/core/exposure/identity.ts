// Exposure ids for exposures that come without one (docs/http-api.md). All but minted ones are hashes, so that whoever sends the
// same again gets the same id; parts are framed by their length, so that no two lists of parts read alike.
import { hash } from 'node:crypto';
import type { RecordOrigin } from './origin.ts';

interface WhoSawWhat {
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
}

/** The id of an item posted with an `Idempotency-Key`. @param itemIndex place in its request, from 0 */
export function idFromKey(who: WhoSawWhat, { key, itemIndex }: { readonly key: string; readonly itemIndex: number }): string {
  return `key_${digest(frame([key, String(itemIndex), who.dsUserId, who.experimentId, who.variationId]))}`;
}

/** The id of an exposure that brought its time. @param givenMicros that time as given: microseconds since the Unix epoch */
export function idFromContent(who: WhoSawWhat, { givenMicros, source }: { readonly givenMicros: number; readonly source: string }): string {
  return `evt_${digest(frame([who.dsUserId, who.experimentId, who.variationId, String(givenMicros), source]))}`;
}

/** The id of a record that another producer wrote without one: from the place where it was first written, and its bytes. */
export function idFromOrigin(origin: RecordOrigin, { clusterId, value }: { readonly clusterId: string; readonly value: Buffer }): string {
  const place = frame([clusterId, origin.topic, String(origin.partition), String(origin.offset), String(origin.timestampMs)]);
  return `rec_${digest(Buffer.concat([Buffer.from(`${place}${value.length}:`), value]))}`;
}

/**
 * A new id that nobody can derive: UUID version 7, in the order of time. Source: RFC 9562, section 5.7.
 *
 * @param nowMs milliseconds since the Unix epoch
 * @param randomBytes ten bytes from a cryptographic source
 * @throws {RangeError} when there are fewer than ten
 */
export function mintId(nowMs: number, randomBytes: Uint8Array): string {
  if (randomBytes.length < 10) throw new RangeError(`Cannot mint an id as it takes ten random bytes: there are ${randomBytes.length}`);
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.set(randomBytes.subarray(0, 10), 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Each part as `length:part`, the length in bytes. */
function frame(parts: readonly string[]): string {
  return parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
}

/** 43 characters. */
function digest(data: string | Buffer): string {
  return hash('sha256', data, 'base64url');
}
