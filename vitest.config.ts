import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

// Packages resolve each other's sources, so nothing has to be built before a unit test.
export default defineConfig({
  resolve: { conditions: ["@vitrine/source"] },
  ssr: { resolve: { conditions: ["@vitrine/source"], externalConditions: ["node"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/browser/**"],
    setupFiles: [fileURLToPath(new URL("vitest.setup.ts", import.meta.url))],
    testTimeout: 60_000,
    // Runs that several tests share are trained in hooks.
    hookTimeout: 180_000,
    pool: "forks",
    // Files of a package share a process, with what it has loaded and compiled.
    isolate: false,
  },
})
