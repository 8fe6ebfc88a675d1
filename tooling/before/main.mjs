// Shows that tests need the work they came with: node tooling/before/main.mjs LIST [--only FOLDER]. LIST is a JSON file with a
// `base`, the commit before the work, and tests by file and name. Each is put on the base, where it has to fail.
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values, positionals } = parseArgs({ options: { only: { type: "string" } }, allowPositionals: true })
const root = fileURLToPath(new URL("../..", import.meta.url))
/** @type {{ base: string, tests: { folder: string, file: string, with?: string[], names: string[] }[] }} */
const { base, tests } = JSON.parse(readFileSync(positionals[0] ?? "", "utf8"))
const chosen = tests.filter(({ folder }) => values.only === undefined || folder === values.only)
const place = mkdtempSync(join(tmpdir(), "vitrine-before-"))
const git = (...args) => execFileSync("git", ["-C", root, ...args], { stdio: ["ignore", "ignore", "inherit"] })

/** The numbers of passed and of other tests in a file, for each part of a name. */
function run({ folder, file }, name) {
  const own = existsSync(join(place, folder, "vitest.config.ts"))
  const config = own ? [] : ["--config", "../../vitest.config.ts", "--root", "."]
  const args = ["vitest", "run", ...config, file, "-t", name, "--reporter=json"]
  const { stdout } = spawnSync("npx", args, { cwd: join(place, folder), encoding: "utf8", maxBuffer: 2 ** 28 })
  const start = stdout.indexOf('{"numTotalTestSuites"')
  if (start < 0) return { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(stdout.slice(start))
  return { passed: numPassedTests, failed: numFailedTests + numFailedTestSuites }
}

let wrong = 0
git("worktree", "add", "--detach", place, base)
try {
  execFileSync("npm", ["run", "--silent", "setup"], { cwd: place, stdio: "ignore" })
  execFileSync("npx", ["turbo", "run", "build", "--output-logs=errors-only"], { cwd: place, stdio: "inherit" })
  for (const test of chosen) {
    for (const file of [test.file, ...(test.with ?? [])])
      cpSync(join(root, test.folder, file), join(place, test.folder, file))
    for (const name of test.names) {
      const { passed, failed } = run(test, name)
      const fails = passed === 0 && failed > 0
      if (!fails) wrong++
      console.log(`${fails ? "fails before" : "PASSES BEFORE"}  ${test.folder}/${test.file}: ${name}`)
    }
  }
} finally {
  git("worktree", "remove", "--force", place)
  rmSync(place, { recursive: true, force: true })
}
console.log(wrong === 0 ? "every test needs the work" : `${wrong} tests pass without the work`)
process.exitCode = wrong === 0 ? 0 : 1
