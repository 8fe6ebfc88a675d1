// Shows that tests need the work they came with: node tooling/before/main.mjs LIST [--only FOLDER] [--base COMMIT]. LIST is a
// JSON file of lists, each with a `base`, the commit before the work, and tests by file and name. Each test is put on its
// base, where it has to fail. `build` says whether the tests need what is built.
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values, positionals } = parseArgs({
  options: { only: { type: "string" }, base: { type: "string" } },
  allowPositionals: true,
})
const root = fileURLToPath(new URL("../..", import.meta.url))
/** @type {{ base: string, build: boolean, tests: { folder: string, file: string, with?: string[], names: string[] }[] }[]} */
const lists = JSON.parse(readFileSync(positionals[0] ?? "", "utf8"))
const git = (...args) => execFileSync("git", ["-C", root, ...args], { stdio: ["ignore", "ignore", "inherit"] })

/** The numbers of passed and of other tests in a file, for each part of a name. */
function run(place, { folder, file }, name) {
  const own = existsSync(join(place, folder, "vitest.config.ts"))
  const config = own ? [] : ["--config", "../../vitest.config.ts", "--root", "."]
  const args = ["vitest", "run", ...config, file, "-t", name, "--reporter=json"]
  const { stdout } = spawnSync("npx", args, { cwd: join(place, folder), encoding: "utf8", maxBuffer: 2 ** 28 })
  const start = stdout.indexOf('{"numTotalTestSuites"')
  if (start < 0) return { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(stdout.slice(start))
  return { passed: numPassedTests, failed: numFailedTests + numFailedTestSuites }
}

/** Runs the tests of a list on its base. Returns the numbers of those that failed and of all. */
function runList({ base, build, tests }) {
  const place = mkdtempSync(join(tmpdir(), "vitrine-before-"))
  let [failing, all] = [0, 0]
  git("worktree", "add", "--quiet", "--detach", place, base)
  try {
    execFileSync("npm", ["run", "--silent", "setup"], { cwd: place, stdio: "ignore" })
    if (build)
      execFileSync("npx", ["turbo", "run", "build", "--output-logs=errors-only"], { cwd: place, stdio: "inherit" })
    for (const test of tests) {
      for (const file of [test.file, ...(test.with ?? [])])
        cpSync(join(root, test.folder, file), join(place, test.folder, file))
      for (const name of test.names) {
        const { passed, failed } = run(place, test, name)
        const fails = passed === 0 && failed > 0
        all++
        if (fails) failing++
        console.log(`${fails ? "fails before" : "PASSES BEFORE"}  ${base}  ${test.folder}/${test.file}: ${name}`)
      }
    }
  } finally {
    git("worktree", "remove", "--force", place)
    rmSync(place, { recursive: true, force: true })
  }
  return [failing, all]
}

let [failing, all] = [0, 0]
for (const list of lists) {
  if (values.base !== undefined && list.base !== values.base) continue
  const tests = list.tests.filter(({ folder }) => values.only === undefined || folder === values.only)
  if (tests.length === 0) continue
  const [failed, count] = runList({ ...list, tests })
  failing += failed
  all += count
}
console.log(`${failing} of ${all} tests fail without the work`)
process.exitCode = failing === all ? 0 : 1
