import { describe, expect, it } from 'vitest';
import { createDevScreen } from '../../src/ui/dev-screen.ts';

function setUp(isTty = false) {
  let text = '';
  const screen = createDevScreen({
    isTty,
    write: (more) => {
      text += more;
    },
  });
  return { screen, text: () => text };
}

describe('createDevScreen()', () => {
  it('never lets an exposure steer the terminal', () => {
    const { screen, text } = setUp(true);
    const seen = { dsUserId: 'u\u001b[2J', experimentId: 'e\u0007', variationId: 'v\u202e' };
    screen.step({ kind: 'loaded', exposureId: 'id\u001b]0;x', atMs: 0, afterMs: 1, seen });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
    expect(text().replaceAll(/\u001b\[\d+m/g, '')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/u);
  });

  it('writes plain text where it is no terminal', () => {
    const { screen, text } = setUp();
    screen.step({ kind: 'in-kafka', exposureId: 'a'.repeat(20), atMs: 0, afterMs: 5.25, partition: 3, offset: 17n });
    expect(text()).toMatch(/^\d\d:\d\d:00\.000 {2}…a{12} {2}→ in Kafka {2}after 5\.3 ms: partition 3, offset 17\n$/u);
  });

  it('shows a line to paste and where everything is', () => {
    const { screen, text } = setUp();
    const parts = [{ name: 'serve', where: 'http://127.0.0.1:8000', note: 'a note' }];
    screen.ready({ tookMs: 4530, parts, url: 'http://127.0.0.1:8000', topic: 'exposures', psql: undefined, trafficPerSecond: undefined });
    expect(text()).toContain('after 4.53 s');
    expect(text()).toContain("curl -sS http://127.0.0.1:8000/exposure -H 'content-type: application/json' -d '{");
    expect(text()).not.toContain('psql');
  });
});
