import { defineConfig } from "vitest/config"

/**
 * Walks through the production build in a real browser. Files run three at a time, each process with browsers of its
 * own. With LONG set it runs what takes minutes and need not be repeated at each change: `npm run test:long`.
 */
export default defineConfig({
  resolve: { conditions: ["@vitrine/source"] },
  ssr: { resolve: { conditions: ["@vitrine/source"], externalConditions: ["node"] } },
  test: {
    include: [`test/${process.env.LONG === undefined ? "browser" : "long"}/*.test.ts`],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 3,
    isolate: false,
  },
})
