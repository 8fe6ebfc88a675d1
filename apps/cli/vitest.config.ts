import { defineConfig } from "vitest/config"

// The command is tested as it is built: Node imports compiled code itself.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    server: { deps: { external: [/\/dist\//] } },
  },
})
