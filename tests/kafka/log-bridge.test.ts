import { type LogEntry, logLevel } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { createLogBridge } from '../../src/kafka/log-bridge.ts';
import { manualClock } from '../support/clock.ts';
import { collectingLog } from '../support/log.ts';

function entry(level: logLevel, message: string, namespace = 'Connection'): LogEntry {
  return { namespace, level, label: '', log: { timestamp: '', message, broker: 'b:1', stack: 'at x' } };
}

function bridge() {
  const log = collectingLog();
  const clock = manualClock();
  const state = { closed: false };
  return { log, clock, state, say: createLogBridge({ log, clock, isClosed: () => state.closed })(logLevel.INFO) };
}

describe('createLogBridge()', () => {
  test('says the same complaint once in ten seconds, and keeps the rest for debugging', async () => {
    const { log, clock, say } = bridge();
    say(entry(logLevel.ERROR, 'Connection timeout'));
    say(entry(logLevel.ERROR, 'Connection timeout'));
    say(entry(logLevel.INFO, 'Starting'));
    await clock.advance(10_000);
    say(entry(logLevel.ERROR, 'Connection timeout'));
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'warn']);
  });

  test('passes on what names the place, and no stack', () => {
    const { log, say } = bridge();
    say(entry(logLevel.WARN, 'Connection timeout'));
    expect(log.lines[0]?.fields).toEqual({ message: 'Connection timeout', in: 'Connection', broker: 'b:1' });
  });

  test('takes for debugging what is said elsewhere too, and what comes after the end', () => {
    const { log, state, say } = bridge();
    say(entry(logLevel.ERROR, 'Response Metadata(key: 3, version: 6)'));
    say(entry(logLevel.ERROR, 'Failed to connect to seed broker, trying another', 'BrokerPool'));
    state.closed = true;
    say(entry(logLevel.ERROR, 'Connection error: this client is closed'));
    expect(log.lines.map(({ level }) => level)).toEqual(['debug', 'debug', 'debug']);
  });

  test('remembers a bounded number of complaints', () => {
    const { log, say } = bridge();
    for (let index = 0; index < 250; index++) say(entry(logLevel.ERROR, `complaint ${index}`));
    say(entry(logLevel.ERROR, 'complaint 249'));
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(250);
  });
});
