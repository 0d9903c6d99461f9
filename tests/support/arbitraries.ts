// Generators for property tests: exposures, what clients post, records, and values that are wrong in every way.
import fc from 'fast-check';
import { BYTES_MAX, type Exposure, type LogRecord } from '../../src/core/exposure/exposure.ts';

/** Microseconds of 2000-01-01 and of the last one before 2255-01-01. */
export const MICROS_MIN = Date.UTC(2000, 0, 1) * 1000;
export const MICROS_MAX = Date.UTC(2255, 0, 1) * 1000 - 1;

/** Any text, control characters and lone surrogates included. fast-check's own `binary` unit takes most of a second to set up. */
export function anyText(maxLength?: number): fc.Arbitrary<string> {
  return fc.string({ unit: anyCharacter(), ...(maxLength === undefined ? {} : { maxLength }) });
}

function anyCharacter(): fc.Arbitrary<string> {
  const of = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map((code) => String.fromCodePoint(code));
  return fc.oneof({ arbitrary: of(0x20, 0x7e), weight: 4 }, of(0, 0x1f), of(0x80, 0xffff), of(0xd800, 0xdfff), of(0x10000, 0x10ffff));
}

/** Text that both warehouses store: no NUL, no lone surrogates, one byte to `bytesMax` bytes. */
export function storableText(bytesMax: number): fc.Arbitrary<string> {
  return anyText(bytesMax)
    .map((text) => cutToBytes(storable(text), bytesMax))
    .filter((text) => text !== '');
}

/** Any attributes within the limits, as the JSON text that gbx writes. */
export function attributesText(): fc.Arbitrary<string> {
  return fc.dictionary(anyKey(), validJson(), { maxKeys: 6 }).map((attributes) => JSON.stringify(attributes));
}

/** Valid, and no part of it at odds with the record that carries it: its time is `atMost` at the latest. */
export function exposure(atMost = MICROS_MAX): fc.Arbitrary<Exposure> {
  return fc.record({
    exposureId: storableText(BYTES_MAX.exposure_id),
    dsUserId: storableText(BYTES_MAX.ds_user_id),
    experimentId: storableText(BYTES_MAX.experiment_id),
    variationId: storableText(BYTES_MAX.variation_id),
    tsMicros: fc.integer({ min: MICROS_MIN, max: atMost }),
    attributes: attributesText(),
    source: storableText(BYTES_MAX.source),
  });
}

/** What a client may post; each optional field may be absent or null. */
export function posted(): fc.Arbitrary<Record<string, unknown>> {
  const id = (bytesMax: number): fc.Arbitrary<string | number> => fc.oneof(storableText(bytesMax), fc.maxSafeInteger());
  return fc.record(
    {
      ds_user_id: id(BYTES_MAX.ds_user_id),
      experiment_id: id(BYTES_MAX.experiment_id),
      variation_id: id(BYTES_MAX.variation_id),
      exposure_id: fc.option(storableText(BYTES_MAX.exposure_id)),
      attributes: fc.option(attributesText().map((text): unknown => JSON.parse(text))),
      source: fc.option(storableText(BYTES_MAX.source)),
    },
    { requiredKeys: ['ds_user_id', 'experiment_id', 'variation_id'] },
  );
}

/** Anything that JSON.parse can give, lone surrogates and `__proto__` included. */
export function anyJson(): fc.Arbitrary<unknown> {
  return fc.jsonValue({ noUnicodeString: false, stringUnit: anyCharacter() }).map((value): unknown => JSON.parse(JSON.stringify(value)));
}

/** An object with the names of an exposure's fields and anything in them. */
export function anyFields(): fc.Arbitrary<Record<string, unknown>> {
  const names = ['exposure_id', 'ds_user_id', 'experiment_id', 'variation_id', 'timestamp', 'ts', 'attributes', 'source', 'other'];
  return fc.dictionary(fc.constantFrom(...names), fc.oneof(anyJson(), anyText(), fc.double()));
}

/** A record as read, with this value. */
export function logRecord(value: Buffer | null, timestampMs: fc.Arbitrary<number> = recordTimestampMs()): fc.Arbitrary<LogRecord> {
  return fc.record({
    partition: fc.integer({ min: 0, max: 50 }),
    offset: fc.bigInt({ min: 0n, max: 2n ** 62n }),
    timestampMs,
    key: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
    value: fc.constant(value),
    headers: fc.constant({}),
  });
}

/** Within what gbx takes for a time. */
export function recordTimestampMs(): fc.Arbitrary<number> {
  return fc.integer({ min: MICROS_MIN / 1000, max: Math.floor(MICROS_MAX / 1000) });
}

function validJson(): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('list'), tie('object')),
    leaf: fc.oneof(
      fc.string().map(storable),
      fc.maxSafeInteger(),
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(anyKey(), tie('value'), { maxKeys: 4 }),
  })).value;
}

function anyKey(): fc.Arbitrary<string> {
  return fc.oneof(fc.string({ maxLength: 12 }).map(storable), fc.constantFrom('country', '7', 'toJSON', 'constructor', ''));
}

/** Lone surrogates become U+FFFD in UTF-8. */
function storable(text: string): string {
  return Buffer.from(text).toString().replaceAll('\0', '0');
}

/** Whole characters only. */
function cutToBytes(text: string, bytesMax: number): string {
  let cut = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    cut += character;
  }
  return cut;
}
