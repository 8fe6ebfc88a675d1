// Finds a Chromium for the browser tests. If there is none, it installs the distribution's package if it may. `node
// tooling/browser/chromium.mjs` prints the path, or says what to install and exits with 1.
import { execFileSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

/** The path of a Chromium, or undefined. `CHROMIUM_PATH` overrides the search on `PATH`. */
export function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter)
  const candidates = process.env.CHROMIUM_PATH
    ? [process.env.CHROMIUM_PATH]
    : folders.flatMap((folder) => names.map((name) => join(folder, name)))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function install() {
  if (process.platform !== "linux") return
  const apt = (...args) => {
    const command = process.getuid?.() === 0 ? ["apt-get", ...args] : ["sudo", "-n", "apt-get", ...args]
    execFileSync(command[0], command.slice(1), {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    })
  }
  try {
    apt("update", "-qq")
    apt("install", "-y", "-qq", "--no-install-recommends", "chromium")
  } catch (error) {
    console.error(`installing Chromium failed: ${error.message.split("\n")[0]}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (findChromium() === undefined) install()
  const path = findChromium()
  if (path === undefined) {
    console.error("the browser tests need Chromium: `apt-get install chromium`, or set CHROMIUM_PATH")
    process.exit(1)
  }
  console.log(path)
}
