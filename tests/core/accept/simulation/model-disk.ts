// A disk in memory that keeps only what was synced: a crash leaves torn ends, zeros where data never came, new names that
// are gone and removed ones that are back. Steps of it happen when the simulation lets them.
import type { AppendFile, Disk, Folder, FoundFile } from '../../../../src/core/accept/spool/disk.ts';
import type { Random } from '../../../../src/core/clock.ts';
import { GbxError } from '../../../../src/core/errors.ts';

interface ModelFile {
  content: Buffer;
  /** What a crash surely leaves. */
  durable: Buffer;
  /** A failed sync has lost these pages, and the next sync does not write them: as Linux does it. */
  lost: { from: number; to: number };
}

/** Resolves when the simulation lets the next step happen; never for a process that is dead. */
export type Gate = () => Promise<void>;

export interface ModelDisk {
  /** As a process sees it. */
  open(gate: Gate): Disk;
  /** Power fails: only what is durable is sure to stay. */
  crash(): void;
  /** Turns one bit of what is durable, in a segment. @returns whether there was one */
  flipBit(name?: string, offset?: number): boolean;
  /** Somebody takes refused/ and damaged/ away, with all that is in them. */
  moveAside(): void;
  /** What they hold, and held. */
  aside(): readonly (readonly [name: string, content: Buffer])[];
  /** Part of the operations that fail from now on. */
  failing: { share: number };
  /** What is about to be removed. */
  onRemove: (name: string, content: Buffer) => void;
  files(): ReadonlyMap<string, Buffer>;
}

export function createModelDisk(random: Random): ModelDisk {
  let names = new Map<string, ModelFile>();
  let durableNames = new Map<string, ModelFile>();
  const moved: [name: string, file: ModelFile][] = [];
  const failing = { share: 0 };

  const disk: ModelDisk = {
    failing,
    onRemove: () => undefined,
    files: () => new Map([...names].map(([name, { content }]) => [name, content])),
    open(gate) {
      const step = async (): Promise<void> => {
        await gate();
        if (random() < failing.share) throw new GbxError('GBX_SPOOL_FAILED', 'the model disk fails');
      };
      const find = (name: string): ModelFile => {
        const file = names.get(name);
        if (file === undefined) throw new GbxError('GBX_SPOOL_FAILED', `no file ${name}`);
        return file;
      };
      return {
        async list(folder) {
          await step();
          return [...names]
            .filter(([name]) => isIn(name, folder))
            .map(([name, { content }]): FoundFile => ({ name, bytes: content.length }));
        },
        async create(name) {
          await step();
          if (names.has(name)) throw new GbxError('GBX_SPOOL_FAILED', `${name} is there`);
          const file = { content: Buffer.alloc(0), durable: Buffer.alloc(0), lost: { from: 0, to: 0 } };
          names.set(name, file);
          return openFile(file, { gate, random, failing });
        },
        async openAppend(name) {
          await step();
          const file = names.get(name) ?? { content: Buffer.alloc(0), durable: Buffer.alloc(0), lost: { from: 0, to: 0 } };
          names.set(name, file);
          return openFile(file, { gate, random, failing });
        },
        async read(name, { position, length }) {
          await step();
          return Buffer.from(find(name).content.subarray(position, position + length));
        },
        async remove(name) {
          await step();
          const file = names.get(name);
          if (file !== undefined) disk.onRemove(name, file.content);
          names.delete(name);
        },
        async rename(name, to) {
          await step();
          names.set(to, find(name));
          names.delete(name);
        },
        async syncFolder(folder) {
          await step();
          durableNames = new Map([...durableNames].filter(([name]) => !isIn(name, folder)));
          for (const [name, file] of names) if (isIn(name, folder)) durableNames.set(name, file);
        },
        pathOf: (name) => name,
      };
    },
    crash() {
      const left = new Map<string, ModelFile>();
      for (const name of new Set([...names.keys(), ...durableNames.keys()])) {
        const now = names.get(name);
        const file = durableNames.get(name) === now || random() < 0.5 ? durableNames.get(name) : now;
        if (file !== undefined) left.set(name, file);
      }
      for (const file of new Set(left.values())) {
        file.content = whatIsLeft(file, random);
        file.durable = file.content;
        file.lost = { from: 0, to: 0 };
      }
      names = left;
      durableNames = new Map(left);
    },
    moveAside() {
      for (const [name, file] of names) {
        if (!name.includes('/')) continue;
        moved.push([name, file]);
        names.delete(name);
        durableNames.delete(name);
      }
    },
    aside: () => [...moved, ...names].filter(([name]) => name.includes('/')).map(([name, { content }]) => [name, content]),
    flipBit(only, offset) {
      const segments = [...names].filter(
        ([name, { content }]) => (only === undefined ? name.endsWith('.spool') : name === only) && content.length > 0,
      );
      const [, file] = segments[Math.floor(random() * segments.length)] ?? [];
      if (file === undefined) return false;
      const content = Buffer.from(file.content);
      const at = offset ?? Math.floor(random() * content.length);
      content.writeUInt8(content.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
      file.content = content;
      file.durable = content;
      return true;
    },
  };
  return disk;
}

function isIn(name: string, folder: Folder | undefined): boolean {
  return folder === undefined ? !name.includes('/') : name.startsWith(`${folder}/`);
}

interface FileNeeds {
  readonly gate: Gate;
  readonly random: Random;
  readonly failing: { readonly share: number };
}

function openFile(file: ModelFile, { gate, random, failing }: FileNeeds): AppendFile {
  const isFailing = (): boolean => random() < failing.share;
  const fail = (): never => {
    throw new GbxError('GBX_SPOOL_FAILED', 'the model disk fails');
  };
  return {
    async append(bytes) {
      await gate();
      const isBad = isFailing();
      const part = isBad ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
      file.content = Buffer.concat([file.content, part]);
      if (isBad) fail();
    },
    async sync() {
      await gate();
      if (isFailing()) {
        const from = file.lost.to > 0 ? file.lost.from : file.durable.length;
        file.lost = { from, to: file.content.length };
        fail();
      }
      const durable = Buffer.from(file.content);
      forget(durable, file.lost);
      file.durable = durable;
    },
    async truncate(bytes) {
      await gate();
      if (isFailing()) fail();
      file.content = file.content.subarray(0, bytes);
      file.lost = { from: Math.min(file.lost.from, bytes), to: Math.min(file.lost.to, bytes) };
    },
    async close() {
      await gate();
    },
  };
}

/** Any part of what was not synced, and its last part perhaps without its data. */
function whatIsLeft({ content, durable, lost }: ModelFile, random: Random): Buffer {
  if (content.length < durable.length) return Buffer.from(random() < 0.5 ? content : durable);
  const kept = durable.length + Math.floor(random() * (content.length - durable.length + 1));
  const left = Buffer.from(content.subarray(0, kept));
  durable.copy(left);
  forget(left, lost);
  if (random() < 0.3) left.fill(0, durable.length + Math.floor(random() * (kept - durable.length)));
  return left;
}

function forget(bytes: Buffer, lost: { readonly from: number; readonly to: number }): void {
  if (lost.from < bytes.length) bytes.fill(0, lost.from, Math.min(lost.to, bytes.length));
}
