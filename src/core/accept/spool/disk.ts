// What the spool needs of a disk, small enough that a test can be one: a model that forgets what was not synced.
// src/files/spool-disk.ts is the real one. Names are relative to the spool's folder, `refused/a.ndjson` for instance.

/** Whatever goes wrong outside is thrown as GbxError GBX_SPOOL_FAILED, with the reason in its message. */
export interface Disk {
  /** The files of the folder, or of one below it, with their sizes; in no order. None where the folder is not there. */
  list(folder?: Folder): Promise<readonly FoundFile[]>;
  /** A new file. Its name is durable after syncFolder. A file of this name that is there is an error. */
  create(name: string): Promise<AppendFile>;
  /** The file to be added to, made where it is missing, with its folder. */
  openAppend(name: string): Promise<AppendFile>;
  /** Up to `length` bytes from `position`; fewer where the file ends. */
  read(name: string, range: { readonly position: number; readonly length: number }): Promise<Buffer>;
  /** Removes the file; nothing where it is gone. Durable after syncFolder. */
  remove(name: string): Promise<void>;
  /** Moves the file, and makes the folder it goes to. Durable after syncFolder of both. A file that is gone is an error. */
  rename(name: string, to: string): Promise<void>;
  /** Makes names durable: what was created, removed and renamed in the folder. Nothing where somebody has moved it away. */
  syncFolder(folder?: Folder): Promise<void>;
  /** How people find a file. */
  pathOf(name: string): string;
}

export type Folder = 'refused' | 'damaged';

export interface FoundFile {
  readonly name: string;
  readonly bytes: number;
}

export interface AppendFile {
  /** All of it, or an error: then any part of it may be there. */
  append(bytes: Buffer): Promise<void>;
  /** Makes what was appended durable. */
  sync(): Promise<void>;
  /** Cuts the file to this length. Durable after sync. */
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** CRC-32 as in zlib; core imports none, so it is passed in. */
export type Checksum = (bytes: Buffer) => number;
