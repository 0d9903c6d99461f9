// Three kinds of tests, told apart by file name. Integration and e2e share one broker and one PostgreSQL, which
// tests/support/global-setup.ts starts before and stops after; at most two of their files run at a time, three of e2e.
import { defineConfig } from 'vitest/config';

const servers = { globalSetup: ['tests/support/global-setup.ts'], maxWorkers: 2, testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/**/*.integration.test.ts', 'tests/**/*.e2e.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { name: 'integration', include: ['tests/**/*.integration.test.ts'], ...servers, sequence: { groupOrder: 1 } } },
      // They wait for other processes more than they work themselves.
      { test: { name: 'e2e', include: ['tests/**/*.e2e.test.ts'], ...servers, maxWorkers: 3, sequence: { groupOrder: 2 } } },
    ],
  },
});
