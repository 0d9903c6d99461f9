// Times as text and as microseconds since the Unix epoch. The drain parses one for each record, so this reads char codes
// and computes the day itself: no Date, no regex, no allocation. Date.parse would also guess at what is not ISO 8601.

const MICROS_PER_SECOND = 1_000_000;
const MICROS_PER_DAY = 86_400 * MICROS_PER_SECOND;
const SECONDS_LENGTH = 'YYYY-MM-DDTHH:MM:SS'.length;
const FRACTION_DIGITS_MAX = 9;

const CODE_0 = 48;
const CODE_SPACE = 32;
const CODE_PLUS = 43;
const CODE_MINUS = 45;
const CODE_POINT = 46;
const CODE_COLON = 58;
const CODE_T = 84;
const CODE_Z = 90;

/**
 * Reads ISO 8601: `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, up to nine digits of a fraction (cut to six), then `Z`, `+hh`,
 * `+hhmm`, `+hh:mm` (or with `-`), or nothing, which means UTC.
 *
 * @returns microseconds since the Unix epoch, exact until the year 2255; undefined for anything else, impossible dates
 * and leap seconds included
 */
export function parseTimestamp(text: string): number | undefined {
  const seconds = parseSeconds(text);
  if (seconds === undefined) return undefined;

  let at = SECONDS_LENGTH;
  let fraction = 0;
  if (text.charCodeAt(at) === CODE_POINT) {
    const first = at + 1;
    let scale = MICROS_PER_SECOND / 10;
    for (at = first; isDigit(text.charCodeAt(at)); at++) {
      if (at - first === FRACTION_DIGITS_MAX) return undefined;
      fraction += (text.charCodeAt(at) - CODE_0) * Math.floor(scale);
      scale /= 10;
    }
    if (at === first) return undefined;
  }

  const zoneSeconds = parseZone(text, at);
  return zoneSeconds === undefined ? undefined : (seconds - zoneSeconds) * MICROS_PER_SECOND + fraction;
}

/** Writes `YYYY-MM-DDTHH:MM:SS.ffffffZ`: what records carry. @param micros since the Unix epoch, a safe integer */
export function formatTimestamp(micros: number): string {
  return `${formatMillis(micros, 'T')}${formatSubMillis(micros)}Z`;
}

/** Writes `YYYY-MM-DD HH:MM:SS.ffffff`, UTC: a TIMESTAMP literal. @param micros since the Unix epoch, a safe integer */
export function formatSqlTimestamp(micros: number): string {
  return `${formatMillis(micros, ' ')}${formatSubMillis(micros)}`;
}

let formattedDay = Number.NaN;
let formattedDayText = '';

/** `YYYY-MM-DDTHH:MM:SS.mmm`. The day is kept: exposures that are written together mostly share it. */
function formatMillis(micros: number, separator: 'T' | ' '): string {
  const day = Math.floor(micros / MICROS_PER_DAY);
  if (day !== formattedDay) {
    formattedDayText = new Date(day * 86_400_000).toISOString().slice(0, -'THH:MM:SS.mmmZ'.length);
    formattedDay = day;
  }
  const millis = Math.floor((micros - day * MICROS_PER_DAY) / 1000);
  const seconds = Math.floor(millis / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return `${formattedDayText}${separator}${pad2(hours)}:${pad2(minutes % 60)}:${pad2(seconds % 60)}.${pad3(millis % 1000)}`;
}

function formatSubMillis(micros: number): string {
  const rest = micros % 1000;
  return pad3(rest < 0 ? rest + 1000 : rest);
}

function pad2(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

function pad3(value: number): string {
  if (value >= 100) return `${value}`;
  return value < 10 ? `00${value}` : `0${value}`;
}

/** Seconds since the Unix epoch of the first nineteen characters, the zone left aside. */
function parseSeconds(text: string): number | undefined {
  const century = twoDigits(text, 0);
  const ofCentury = twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // A pair that is not two digits is negative, so one test covers the seven.
  if ((century | ofCentury | month | day | hour | minute | second) < 0) return undefined;
  if (text.charCodeAt(4) !== CODE_MINUS || text.charCodeAt(7) !== CODE_MINUS) return undefined;
  if (text.charCodeAt(13) !== CODE_COLON || text.charCodeAt(16) !== CODE_COLON) return undefined;
  const separator = text.charCodeAt(10);
  if (separator !== CODE_T && separator !== CODE_SPACE) return undefined;

  const year = century * 100 + ofCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return daysSinceEpoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Seconds east of UTC of the zone that fills the rest of the text; undefined when something else stands there. */
function parseZone(text: string, at: number): number | undefined {
  const rest = text.length - at;
  if (rest === 0) return 0;
  const sign = text.charCodeAt(at);
  if (sign === CODE_Z) return rest === 1 ? 0 : undefined;
  if (sign !== CODE_PLUS && sign !== CODE_MINUS) return undefined;

  const hours = twoDigits(text, at + 1);
  let minutes = 0;
  if (rest === '+hhmm'.length) minutes = twoDigits(text, at + 3);
  else if (rest === '+hh:mm'.length && text.charCodeAt(at + 3) === CODE_COLON) minutes = twoDigits(text, at + 4);
  else if (rest !== '+hh'.length) return undefined;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  const seconds = hours * 3600 + minutes * 60;
  return sign === CODE_PLUS ? seconds : -seconds;
}

/** The number of two digits at `at`, or -1. charCodeAt beyond the end is NaN, which is no digit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at);
  const ones = text.charCodeAt(at + 1);
  return isDigit(tens) && isDigit(ones) ? (tens - CODE_0) * 10 + ones - CODE_0 : -1;
}

function isDigit(code: number): boolean {
  return code >= CODE_0 && code <= CODE_0 + 9;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Days from 1970-01-01 in the proleptic Gregorian calendar.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
 */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
