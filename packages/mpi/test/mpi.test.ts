import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { launchedRanks, localRanks } from "../src/index.ts"

const program = fileURLToPath(new URL("program.mjs", import.meta.url))
const launchers = {
  "mpirun.openmpi": ["--oversubscribe", "--allow-run-as-root", "--mca", "mpi_yield_when_idle", "1"],
  "mpirun.mpich": [],
}

function isThere(launcher: string): boolean {
  try {
    execFileSync(launcher, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

interface Found {
  readonly rank: number
  readonly far: number
  readonly bytes: readonly number[]
}

describe.each(Object.entries(launchers))("ranks of %s", (launcher, flags) => {
  const run = (size: number, env: Readonly<Record<string, string>> = {}): Found[] =>
    execFileSync(launcher, [...flags, "-n", `${size}`, process.execPath, program], {
      encoding: "utf8",
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
      .trim()
      .split("\n")
      .map((line): Found => JSON.parse(line))
      .sort((a, b) => a.rank - b.rank)

  test.skipIf(!isThere(launcher)).each([2, 3, 4])("%i of them sum, gather and broadcast", (size) => {
    const found = run(size)
    expect(found.map(({ rank }) => rank)).toEqual(Array.from({ length: size }, (_, i) => i))
    for (const { far, bytes } of found) {
      expect(bytes).toEqual([1, 2, 3])
      // The tree's bits, where the ranks are a power of two.
      if (size === 3) expect(far).toBeLessThan(1e-6)
      else expect(far).toBe(0)
    }
  })

  test.skipIf(!Object.keys(launchers).every(isThere))("a library of another MPI than the launcher's is refused", () => {
    const other = launcher.endsWith("openmpi") ? "libmpich.so.12" : "libmpi.so.40"
    expect(() => run(2, { VITRINE_MPI: other })).toThrow(/the launcher has started 2 processes, and .* knows 1/)
  })
})

test("launchers say how many ranks there are, and how many of them are here", () => {
  expect(launchedRanks({})).toBeUndefined()
  expect(launchedRanks({ SLURM_NTASKS: "8" })).toBeUndefined()
  expect(launchedRanks({ PMIX_RANK: "0", SLURM_NTASKS: "8" })).toBe(8)
  expect(launchedRanks({ PMI_SIZE: "4", MPI_LOCALNRANKS: "2" })).toBe(4)
  expect(localRanks({ PMI_SIZE: "4", MPI_LOCALNRANKS: "2" })).toBe(2)
  expect(localRanks({})).toBeUndefined()
})
