import { describe, expect, it } from 'vitest';
import { type ErrorCode, GbxError } from '../../../src/core/errors.ts';
import { type Circuit, createCircuit } from '../../../src/core/load/circuit.ts';
import { type ManualClock, manualClock, seededRandom } from '../../support/clock.ts';
import { collectingLog } from '../../support/log.ts';
import { collectingMetrics } from '../../support/metrics.ts';

function setUp(): {
  circuit: Circuit;
  clock: ManualClock;
  log: ReturnType<typeof collectingLog>;
  metrics: ReturnType<typeof collectingMetrics>;
} {
  const [clock, log, metrics] = [manualClock(), collectingLog(), collectingMetrics()];
  return { circuit: createCircuit({ clock, random: seededRandom(1), log, metrics }), clock, log, metrics };
}

const failure = (code: ErrorCode): GbxError => new GbxError(code, 'it failed');

describe('createCircuit()', () => {
  it.each<ErrorCode>(['GBX_TOPIC_CHANGED', 'GBX_LEDGER_BROKEN', 'GBX_BUG'])('ends the process for %s at any time', (code) => {
    const { circuit } = setUp();
    circuit.succeeded('flush');
    expect(() => circuit.failed(failure(code))).toThrow('it failed');
  });

  it.each<ErrorCode>(['GBX_WAREHOUSE_AUTH', 'GBX_WAREHOUSE_PERMISSION', 'GBX_WAREHOUSE_SCHEMA', 'GBX_TOPIC_MISSING'])(
    'ends the process for %s before the first flush and holds after it',
    (code) => {
      const { circuit, metrics } = setUp();
      circuit.succeeded('claim');
      expect(() => circuit.failed(failure(code))).toThrow('it failed');
      circuit.succeeded('flush');
      expect(circuit.failed(failure(code))).toBeLessThanOrEqual(3_000);
      expect(circuit.isOpen()).toBe(true);
      expect(metrics.values.get('gbx_circuit_open')).toBe(1);
    },
  );

  it('waits a minute for a warehouse that was never reached, then ends the process', async () => {
    const { circuit, clock } = setUp();
    circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'));
    await clock.advance(59_000);
    circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'));
    await clock.advance(1_001);
    expect(() => circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'))).toThrow('it failed');
  });

  it('holds for days when the warehouse was reached once, and says so now and then', async () => {
    const { circuit, clock, log } = setUp();
    circuit.succeeded('claim');
    for (let i = 0; i < 100; i++) {
      circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'));
      await clock.advance(10_000);
    }
    expect(log.events().filter((event) => event === 'circuit.opened')).toHaveLength(1);
    expect(log.events().filter((event) => event === 'circuit.still_open').length).toBeGreaterThan(20);
  });

  it('stays closed for one lost answer, and opens when the next attempt has none either', () => {
    const { circuit } = setUp();
    circuit.succeeded('flush');
    circuit.failed(failure('GBX_WAREHOUSE_UNSURE'));
    expect(circuit.isOpen()).toBe(false);
    circuit.failed(failure('GBX_WAREHOUSE_UNSURE'));
    expect(circuit.isOpen()).toBe(true);
  });

  it('stays closed for two minutes of contention', async () => {
    const { circuit, clock } = setUp();
    circuit.failed(failure('GBX_WAREHOUSE_BUSY'));
    await clock.advance(119_000);
    circuit.failed(failure('GBX_WAREHOUSE_BUSY'));
    expect(circuit.isOpen()).toBe(false);
    await clock.advance(2_000);
    circuit.failed(failure('GBX_WAREHOUSE_BUSY'));
    expect(circuit.isOpen()).toBe(true);
  });

  it('is loud about a valid batch that the warehouse refuses, and a claim does not close it', () => {
    const { circuit, log } = setUp();
    circuit.succeeded('claim');
    circuit.failed(failure('GBX_ROW_REFUSED'));
    expect(log.lines.find((line) => line.event === 'circuit.opened')?.level).toBe('error');
    circuit.succeeded('claim');
    expect(circuit.isOpen()).toBe(true);
    circuit.succeeded('flush');
    expect(circuit.isOpen()).toBe(false);
  });

  it('is closed by any answer after an outage, and starts again with short waits', () => {
    const { circuit } = setUp();
    circuit.succeeded('claim');
    for (let i = 0; i < 20; i++) circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'));
    circuit.succeeded('claim');
    expect(circuit.isOpen()).toBe(false);
    expect(circuit.failed(failure('GBX_WAREHOUSE_UNREACHABLE'))).toBeLessThanOrEqual(100);
  });
});
