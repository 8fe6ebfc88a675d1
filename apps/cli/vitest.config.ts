import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

// The command is tested as it is built: Node imports compiled code itself.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: [fileURLToPath(new URL("../../vitest.setup.ts", import.meta.url))],
    testTimeout: 180_000, // It ends what hangs. Some tests take 20 s of a slow processor, and more beside other suites.
    // Runs that several tests share are trained in hooks.
    hookTimeout: 180_000,
    pool: "forks",
    isolate: false,
    // The longest suite: when all others have ended, both cores are left to it.
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//] } },
  },
})
