// The exposures that are not right, by kind, up to a limit each; the counts stand in the account. Ids of exposures and places
// of records only, never whose they are.

export interface Missing {
  /** Undefined for a record that is no exposure and whose dead letter is missing. */
  readonly exposureId: string | undefined;
  readonly partition: number | undefined;
  readonly offset: bigint | undefined;
  readonly experimentId: string | undefined;
}

export interface Findings {
  readonly missing: Missing[];
  readonly doubled: { readonly exposureId: string; readonly rows: number }[];
  readonly altered: { readonly exposureId: string; readonly fields: readonly string[] }[];
  /** Rows that nothing accounts for; of a manifest: rows of exposures that were refused. */
  readonly phantom: string[];
  readonly waiting: string[];
  /** Adds to a list while there is room. */
  add<Item>(list: Item[], item: Item): void;
}

export function createFindings(max: number): Findings {
  return {
    missing: [],
    doubled: [],
    altered: [],
    phantom: [],
    waiting: [],
    add(list, item) {
      if (list.length < max) list.push(item);
    },
  };
}
