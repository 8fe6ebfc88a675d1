import { defineConfig } from "vitest/config"

// The site is made from built packages, so nothing is compiled here.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "threads",
    isolate: false,
    server: { deps: { external: [/\/dist\//, /tooling\/api\//] } },
  },
})
