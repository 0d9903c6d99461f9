// What must be in the table, a few bytes for each exposure: an open hash table over typed arrays, several entries under one
// id where copies differ in content. A million entries take 40 MB. Ids and contents are known by 60 bits of their SHA-256.
import { hash } from 'node:crypto';

/** 60 bits of a SHA-256 as two numbers. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

/** Bits of an entry. */
export const FLAG = {
  /** The first entry of its id: stands for the whole group. */
  first: 1,
  /** A row must be there. */
  must: 2,
  /** A row may be there: nobody knows whether it was accepted. */
  may: 4,
  /** A record that is no exposure: a dead letter must be there, and no row. */
  letter: 8,
  /** To be looked at one by one. */
  suspect: 16,
} as const;

export interface NewEntry {
  readonly id: Fingerprint;
  readonly content: Fingerprint;
  /** Of user, experiment and variation. */
  readonly who: number;
  readonly partition: number;
  readonly experiment: number;
  readonly flags: number;
}

export type IdTable = ReturnType<typeof createIdTable>;

const USED = 128;
const COUNT_MAX = 255;
/** Slots for each entry: fuller tables probe longer, emptier ones cost memory. */
const SLACK = 1.5;

/** Entries of one id: a constant id would otherwise make every probe as long as the topic. */
export const ENTRIES_PER_ID = 50;

/** @param entriesMax entries beyond it are refused */
export function createIdTable(entriesMax: number) {
  const slots = Math.max(16, Math.ceil(entriesMax * SLACK));
  const columns = createColumns(slots);
  const { flags, rows, oddRows } = columns;
  /** By the first slot of an id: different entries that found no place, at most (equal ones count again). */
  const crowds = new Map<number, number>();
  let size = 0;
  return {
    ...columns,
    slots,
    /** Entries of the id beyond those that are kept. @param slot the id's first one */
    crowdOf: (slot: number): number => crowds.get(slot) ?? 0,
    isFull: () => size >= entriesMax,
    idAt: (slot: number): Fingerprint => ({ high: columns.idHigh[slot] ?? 0, low: columns.idLow[slot] ?? 0 }),
    /** The entries of an id in the order in which they were added. */
    group: (id: Fingerprint): readonly number[] => [...slotsOf(columns, id)],
    /** The first entry of an id, or -1. */
    find(id: Fingerprint): number {
      for (const slot of slotsOf(columns, id)) return slot;
      return -1;
    },
    /** @returns whether it was entered: an equal one takes the flags of both. @throws {RangeError} beyond entriesMax */
    add(entry: NewEntry): boolean {
      const { slot, isNew, first, nth } = placeOf(columns, entry);
      if (isNew && nth >= ENTRIES_PER_ID) {
        crowds.set(first, (crowds.get(first) ?? 0) + 1);
        return false;
      }
      if (!isNew) {
        flags[slot] = (flags[slot] ?? 0) | entry.flags;
        return false;
      }
      if (size >= entriesMax) throw new RangeError('the table of ids is full');
      size++;
      write(columns, slot, entry);
      flags[slot] = entry.flags | USED | (nth === 0 ? FLAG.first : 0);
      return true;
    },
    /** Counts a row. @returns false where no entry has its id */
    countRow(id: Fingerprint, contentOf: () => Fingerprint): boolean {
      let first = -1;
      let content: Fingerprint | undefined;
      for (const slot of slotsOf(columns, id)) {
        if (first === -1) first = slot;
        content ??= contentOf();
        if (!hasContent(columns, slot, content)) continue;
        rows[slot] = Math.min(COUNT_MAX, (rows[slot] ?? 0) + 1);
        return true;
      }
      if (first === -1) return false;
      oddRows[first] = Math.min(COUNT_MAX, (oddRows[first] ?? 0) + 1);
      return true;
    },
  };
}

type Columns = ReturnType<typeof createColumns>;

function createColumns(slots: number) {
  return {
    idHigh: new Uint32Array(slots),
    idLow: new Uint32Array(slots),
    contentHigh: new Uint32Array(slots),
    contentLow: new Uint32Array(slots),
    who: new Uint32Array(slots),
    partition: new Uint16Array(slots),
    experiment: new Uint16Array(slots),
    flags: new Uint8Array(slots),
    /** Rows with this id and content. */
    rows: new Uint8Array(slots),
    /** Of the first entry of an id: rows whose content is that of none of its entries. */
    oddRows: new Uint8Array(slots),
    /** Number of the code of a dead letter, 0 where there is none. */
    letter: new Uint8Array(slots),
  };
}

/** Linear probing: an id's entries stand between its home and the next free slot. */
function* slotsOf({ flags, idLow, idHigh }: Columns, { high, low }: Fingerprint): Generator<number> {
  const slots = flags.length;
  for (let slot = low % slots; flags[slot] !== 0; slot = slot + 1 === slots ? 0 : slot + 1) {
    if (idLow[slot] === low && idHigh[slot] === high) yield slot;
  }
}

interface EntryPlace {
  readonly slot: number;
  readonly isNew: boolean;
  /** The first slot of its id; -1 where it is the first. */
  readonly first: number;
  /** Entries of its id before it, at most ENTRIES_PER_ID. */
  readonly nth: number;
}

/** Where the entry stands already, or the free slot for it; no slot (-1) where its id has as many as are kept. */
function placeOf(columns: Columns, { id, content }: NewEntry): EntryPlace {
  const { flags, idLow, idHigh } = columns;
  const slots = flags.length;
  let first = -1;
  let nth = 0;
  let slot = id.low % slots;
  for (; flags[slot] !== 0; slot = slot + 1 === slots ? 0 : slot + 1) {
    if (idLow[slot] !== id.low || idHigh[slot] !== id.high) continue;
    if (first === -1) first = slot;
    if (hasContent(columns, slot, content)) return { slot, isNew: false, first, nth };
    nth++;
    if (nth === ENTRIES_PER_ID) return { slot: -1, isNew: true, first, nth };
  }
  return { slot, isNew: true, first, nth };
}

function hasContent({ contentLow, contentHigh }: Columns, slot: number, { high, low }: Fingerprint): boolean {
  return contentLow[slot] === low && contentHigh[slot] === high;
}

function write(columns: Columns, slot: number, { id, content, who, partition, experiment }: NewEntry): void {
  columns.idHigh[slot] = id.high;
  columns.idLow[slot] = id.low;
  columns.contentHigh[slot] = content.high;
  columns.contentLow[slot] = content.low;
  columns.who[slot] = who;
  columns.partition[slot] = partition;
  columns.experiment[slot] = experiment;
}

/** @param digest SHA-256 in base64url, as contentHash() gives it */
export function fingerprintOf(digest: string): Fingerprint {
  return { high: thirtyBits(digest, 0), low: thirtyBits(digest, 5) };
}

/** Of any text, an exposure id for one. */
export function fingerprintText(text: string): Fingerprint {
  return fingerprintOf(hash('sha256', text, 'base64url'));
}

function thirtyBits(digest: string, from: number): number {
  let bits = 0;
  for (let at = from; at < from + 5; at++) bits = bits * 64 + sixBits(digest.charCodeAt(at));
  return bits;
}

/** A character of base64url. */
function sixBits(code: number): number {
  if (code >= 97) return code - 97 + 26;
  if (code >= 65) return code === 95 ? 63 : code - 65;
  return code === 45 ? 62 : code - 48 + 52;
}

/** FNV-1a, 32 bits: told apart under one id only. Source: the FNV reference, "FNV-1a alternate algorithm". */
export function hashWho({ dsUserId, experimentId, variationId }: Who): number {
  let bits = 0x811c9dc5;
  for (const text of [dsUserId, '\0', experimentId, '\0', variationId]) {
    for (let at = 0; at < text.length; at++) bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193);
  }
  return bits >>> 0;
}

interface Who {
  readonly dsUserId: string;
  readonly experimentId: string;
  readonly variationId: string;
}
