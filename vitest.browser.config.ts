import { playwright } from "@vitest/browser-playwright"
import { defineConfig } from "vitest/config"
import { findChromium } from "./tooling/browser/chromium.mjs"

const executablePath = findChromium()
const args = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
  // SwiftShader takes seconds to compile what writes zeros to workgroups' memory.
  "--enable-dawn-features=disable_workgroup_init",
]

/** Tests in a real browser: `test/browser/*.test.ts` of each package, on the sources. */
export default defineConfig({
  resolve: { conditions: ["@vitrine/source", "browser", "import", "module", "default"] },
  server: {
    // What threads in WebAssembly need.
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  test: {
    include: ["test/browser/**/*.test.ts"],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { ...(executablePath === undefined ? {} : { executablePath }), args } }),
      instances: [{ browser: "chromium" }],
    },
  },
})
