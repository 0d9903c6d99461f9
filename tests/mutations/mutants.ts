// biome-ignore-all lint/suspicious/noTemplateCurlyInString: source text, to be found and replaced as it stands.
// The guards of the protocol (docs/delivery.md), each with a small change that switches it off and the tests that must then
// fail. The fewest files that kill it are named, to keep the check quick. Run by run.ts on a copy of the tree.

export interface Mutant {
  /** What is switched off. */
  readonly guard: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Files for vitest. */
  readonly tests: readonly string[];
  /** Of their names, for vitest's `-t`. */
  readonly only?: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    guard: 'a send counts when its partition came back without an error',
    file: 'src/kafka/send-parts.ts',
    find: "  if (acked) return { kind: 'acked' };",
    replace: "  if (acked || partition >= 0) return { kind: 'acked' };",
    tests: ['tests/kafka/send-parts.test.ts'],
  },
  {
    guard: 'a send without an answer is unknown, not a refusal',
    file: 'src/kafka/send-parts.ts',
    find: "return { kind: isAlone && NOT_APPENDED.has(type) ? 'not-sent' : 'unknown', reason };",
    replace: "return { kind: isAlone || NOT_APPENDED.has(type) ? 'not-sent' : 'unknown', reason };",
    tests: ['tests/kafka/send-parts.test.ts'],
  },
  {
    guard: 'the ledger’s lock is the first statement of the transaction',
    file: 'src/warehouse/ledger.ts',
    find: "session.server === 'postgres' ? '; LOCK TABLE growthbook.gbx_ledger IN SHARE ROW EXCLUSIVE MODE' : ''",
    replace: "''",
    tests: ['tests/warehouse/flush.integration.test.ts', 'tests/faults/same-id.e2e.test.ts'],
  },
  {
    guard: 'rows that stand in the table are not inserted again (anti-join)',
    file: 'src/warehouse/flush.ts',
    find: '  WHERE t.exposure_id IS NULL ${where}`;',
    replace: '  WHERE true ${where}`;',
    tests: ['tests/warehouse/flush.integration.test.ts'],
  },
  {
    guard: 'a batch of an older claim is fenced (epoch and owner)',
    file: 'src/warehouse/ledger.ts',
    find: 'WHERE ${SCOPE} AND owner = $4 AND (',
    replace: 'WHERE ${SCOPE} AND ($4::varchar IS NOT NULL) AND (true OR ',
    tests: ['tests/warehouse/flush.integration.test.ts'],
  },
  {
    guard: 'the ledger moves only from where the batch began (compare-and-swap)',
    file: 'src/warehouse/ledger.ts',
    find: 'AND next_offset = $${at + 3}::bigint)`',
    replace: 'AND $${at + 3}::bigint IS NOT NULL)`',
    tests: ['tests/warehouse/flush.integration.test.ts'],
  },
  {
    guard: 'a commit without an answer is not taken for done',
    file: 'src/warehouse/flush.ts',
    find: "    throw new GbxError('GBX_WAREHOUSE_UNSURE', `no answer to COMMIT: ${message}`, { cause: error });",
    replace: '    return void message;',
    tests: ['tests/faults/lost-answer.e2e.test.ts'],
  },
  {
    guard: 'after a commit without an answer the ledger tells whether the batch is in',
    file: 'src/warehouse/ledger.ts',
    find: "  if (loaded && request.steps.some(({ from, to }) => from !== to)) return { kind: 'already-loaded' };",
    replace: '  void loaded;',
    tests: ['tests/faults/lost-answer.e2e.test.ts', 'tests/warehouse/ledger.test.ts'],
  },
  {
    guard: 'the count of staged rows is compared',
    file: 'src/warehouse/flush.ts',
    find: '  if (staged !== rows.length)',
    replace: '  if (staged > rows.length)',
    tests: ['tests/faults/short-stage.e2e.test.ts'],
  },
  {
    guard: 'an id that stands for another exposure becomes a dead letter',
    file: 'src/warehouse/flush.ts',
    find: '  if (inserted < request.rows.length) {',
    replace: '  if (inserted < 0) {',
    tests: ['tests/warehouse/flush.integration.test.ts'],
  },
  {
    guard: 'a lost session does not end the process',
    file: 'src/warehouse/session.ts',
    find: "  client.on('error', () => {\n    link.lost = true;\n  });\n",
    replace: '',
    tests: ['tests/faults/outage.e2e.test.ts'],
    only: 'ends its sessions',
  },
  {
    guard: 'a session that fell silent is given up',
    file: 'src/warehouse/session.ts',
    find: '      if (!done.signal.aborted) socket.destroy();',
    replace: '      void done.signal.aborted;',
    tests: ['tests/faults/outage.e2e.test.ts'],
    only: 'fell silent',
  },
  {
    guard: 'the connection of a request that timed out is replaced (watchdog)',
    file: 'src/kafka/client.ts',
    find: '      sockets.destroy(broker, `${apiName} was not answered in time`);',
    replace: '      void sockets.destroy;',
    tests: ['tests/faults/brokers.e2e.test.ts'],
    only: 'F9',
  },
  {
    guard: 'the last record loaded is compared after a claim',
    file: 'src/core/load/intake.ts',
    find: '  if (!isSameRecord(first, mark)) {',
    replace: '  if (!isSameRecord(first, mark) && first.offset < 0n) {',
    tests: ['tests/core/load/load.test.ts', 'tests/core/load/intake.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'records that do not follow what was read lead to a new claim',
    file: 'src/core/load/intake.ts',
    find: "  if (event.fetchOffset !== held.expectedOffset) return 'gap';",
    replace: '',
    tests: ['tests/core/load/load.test.ts', 'tests/core/load/intake.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'dead letters and copies are written before the ledger passes their records',
    file: 'src/core/load/flush.ts',
    find: '  await writeOutgoing(deps, work, signal);',
    replace: '  void writeOutgoing(deps, work, signal).catch(() => undefined);',
    tests: ['tests/core/load/load.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'the ledger does not pass a record that is held back',
    file: 'src/core/load/flight.ts',
    find: 'lowest !== undefined && lowest.record.offset < step.to',
    replace: 'lowest !== undefined && lowest.record.offset < 0n',
    tests: ['tests/faults/refused-rows.e2e.test.ts'],
    only: 'held back',
  },
  {
    guard: 'only refusals of a row are searched and retried, not outages',
    file: 'src/core/load/flush.ts',
    find: "error.code === 'GBX_ROW_REFUSED' && rows.length > 0",
    replace: "error.code !== 'GBX_BUG' && rows.length > 0",
    tests: ['tests/core/load/isolate.test.ts', 'tests/core/load/row-search.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'a record is retried no more often than it may be',
    file: 'src/core/load/refusals.ts',
    find: 'if (atOnce || count >= retry.max)',
    replace: 'if (atOnce || count > retry.max + 1)',
    tests: ['tests/core/load/refusals.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'bytes are counted, not characters',
    file: 'src/core/exposure/attributes.ts',
    find: '  return text.length > bytesMax || Buffer.byteLength(text) > bytesMax;',
    replace: '  return text.length > bytesMax;',
    tests: ['tests/core/exposure'],
  },
  {
    guard: 'the spool answers after its bytes are on the disk (fsync)',
    file: 'src/core/accept/spool/writer.ts',
    find: '    await timedSync(() => file.sync(), deps);',
    replace: '    await timedSync(async () => void file, deps);',
    tests: ['tests/core/accept/spool', 'tests/core/accept/simulation'],
  },
  {
    guard: 'a new segment of the spool is on the disk before it counts (fsync)',
    file: 'src/core/accept/spool/writer.ts',
    find: '    await timedSync(() => file?.sync(), deps);',
    replace: '    await timedSync(async () => void file, deps);',
    tests: ['tests/core/accept/spool', 'tests/core/accept/simulation'],
  },
  {
    guard: 'what a claim drops is dropped: the buffer of the former one',
    file: 'src/core/load/ownership.ts',
    find: '  loop.waiting = undefined;\n',
    replace: '',
    tests: ['tests/core/load/load.test.ts', 'tests/core/load/load.model.test.ts'],
  },
  {
    guard: 'kafkajs starts from the beginning where a position is out of range',
    file: 'src/kafka/group-member.ts',
    find: 'fromBeginning: true',
    replace: 'fromBeginning: false',
    tests: ['tests/kafka/open-source.integration.test.ts', 'tests/kafka/group-member.integration.test.ts'],
  },
  {
    guard: 'kafkajs counts its heartbeats by a clock that does not step',
    file: 'src/kafka/patch-kafkajs.ts',
    find: '  patchClock(load);',
    replace: '  void patchClock;',
    tests: ['tests/faults/clock.e2e.test.ts'],
    only: 'stays a member',
  },
];
