import { type Backend, gradients, graph, type HostData, type Tensor } from "@vitrine/core"
import { referenceBackend } from "@vitrine/backend-reference"
import { afterAll, beforeAll, describe, it } from "vitest"
import type { Build, Case } from "./cases/case.ts"
import { opCases } from "./cases/index.ts"
import { expectClose, float32Tolerance, type Tolerance } from "./compare.ts"
import { contract, runOnce } from "./contract.ts"
import { drawFrom } from "./draw.ts"

export interface ConformanceOptions {
  /** The cases that this backend does not pass, with the reasons. They appear as skipped tests. */
  readonly skip?: Readonly<Record<string, string>>
  /** The tolerance between two float32 computations; `max(2e-5, 1e-5 · max|expected|)` by default. */
  readonly tolerance?: Tolerance
  /**
   * "smoke" is for another way to kernels that are already tested, such as a worker of a page. It runs the first
   * variant of each op with its gradient, the contract of `Backend`, `Program` and `State`, one model's gradients, and
   * a training run of three steps. "ops" is for other kernels of a backend whose graphs are already tested: it runs
   * all variants of each op, and of whole models what "smoke" runs.
   */
  readonly subset?: "smoke" | "ops"
}

/** The tests of whole models in both subsets. */
const smokeModels: ReadonlySet<string> = new Set(["ViT, class token: gradients", "three steps of AdamW with dropout"])

/** The names that `skip` accepts: ops, and tests of the contract. */
export const caseNames: readonly string[] = [
  ...Object.keys(opCases),
  ...Object.values(contract).flatMap((tests) => Object.keys(tests)),
]

/**
 * Registers the suite that every backend passes: each op and each gradient on many shapes, whole models, training
 * steps, and the contract of `Backend`, `Program` and `State`. Results are compared with the float64 reference.
 * @throws Error for a skip that names no case, so that no skip remains after its case is gone
 */
export function conformance(
  name: string,
  makeBackend: () => Promise<Backend>,
  { skip = {}, tolerance = float32Tolerance, subset }: ConformanceOptions = {},
): void {
  const unknown = Object.keys(skip).filter((each) => !caseNames.includes(each))
  if (unknown.length > 0) throw new Error(`conformance of ${name}: no case is called ${unknown.join(", ")}`)
  describe(`conformance of ${name}`, () => {
    let backend: Backend
    beforeAll(async () => {
      backend = await makeBackend()
    })
    afterAll(() => backend?.close())

    const test = (name: string, run: () => Promise<void>): void => {
      const reason = Object.hasOwn(skip, name) ? skip[name] : undefined
      if (reason === undefined) it(name, run)
      else it.skip(`${name} (${reason})`)
    }
    describe("ops and their gradients", () => {
      for (const [name, variants] of Object.entries(opCases))
        test(name, () => verifyCase(() => backend, subset === "smoke" ? smokeCase(variants) : variants, tolerance))
    })
    for (const [group, tests] of Object.entries(contract))
      describe(group, () => {
        for (const [name, run] of Object.entries(tests))
          if (subset === undefined || group !== "models" || smokeModels.has(name))
            test(name, () => run({ backend, tolerance }))
      })
    it("closes", async () => (await makeBackend()).close())
  })
}

/** The variant of a case that the smoke subset runs. */
export const smokeCase = (variants: Case): Case => Object.fromEntries(Object.entries(variants).slice(0, 1))

/**
 * Compares all variants of a case with the reference in one graph, since compiling takes most of the time. If they
 * differ, it compares them one by one.
 * @throws Error with a line for every variant that differs from the reference
 */
export async function verifyCase(backend: () => Backend, variants: Case, tolerance: Tolerance): Promise<void> {
  const together = await verifyBuilds(backend(), await buildsOf(variants), tolerance).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (together === undefined) return
  const verify = (build: Build): Promise<void> => verifyBuilds(backend(), [build], tolerance)
  const faults: string[] = []
  for (const [variantName, variant] of Object.entries(variants))
    try {
      await (typeof variant === "function" ? verify(variant) : variant.check(verify))
    } catch (error) {
      faults.push(`${variantName}: ${explain(error)}`)
    }
  throw new Error(faults.join("\n") || `only together: ${explain(together)}`)
}

/** The computations of a case, with those that its properties draw. */
async function buildsOf(variants: Case): Promise<Build[]> {
  const builds: Build[] = []
  for (const variant of Object.values(variants))
    if (typeof variant === "function") builds.push(variant)
    else await variant.check(async (build) => void builds.push(build))
  return builds
}

/** The message of an error. For a property it has the simplest case that fails, and the difference. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const counterexample = /^Counterexample: .*$/m.exec(error.message)
  return counterexample && error.cause ? `${counterexample[0]}: ${explain(error.cause)}` : error.message
}

/**
 * Compares computations with the reference. It also compares the gradients of a sum of each computation's outputs with
 * random weights.
 */
async function verifyBuilds(backend: Backend, builds: readonly Build[], tolerance: Tolerance): Promise<void> {
  const outputs: Record<string, Tensor> = {}
  const data: Record<string, HostData> = {}
  for (const [i, build] of builds.entries()) {
    const prefix = builds.length === 1 ? "" : `${i}.`
    const draw = drawFrom(42, { prefix })
    const result = build(draw)
    const ys: readonly Tensor[] = "node" in result ? [result] : result
    for (const [k, y] of ys.entries()) outputs[`${prefix}y${k}`] = y
    const inputs = Object.entries(draw.tensors).filter(([, t]) => t.dtype === "float32")
    const ends = ys.filter((t) => t.dtype === "float32")
    const seeds = ends.map(({ shape }) => draw.normal(shape))
    const wrt = inputs.map(([, t]) => t)
    const grads = gradients(ends, wrt, seeds)
    for (const [k, [name]] of inputs.entries()) outputs[`${prefix}grad ${name}`] = grads[k] as Tensor
    Object.assign(data, draw.data)
  }
  const g = graph({ outputs })
  const [actual, expected] = await Promise.all([runOnce(backend, g, data), runOnce(referenceBackend(), g, data)])
  expectClose(actual, expected, tolerance)
}
