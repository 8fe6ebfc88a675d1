import { type Backend, gradients, graph, type Tensor } from "@vitrine/core"
import { referenceBackend } from "@vitrine/backend-reference"
import { afterAll, beforeAll, describe, it } from "vitest"
import type { Build, Case } from "./cases/case.ts"
import { opCases } from "./cases/index.ts"
import { expectClose, float32Tolerance, type Tolerance } from "./compare.ts"
import { contract, runOnce } from "./contract.ts"
import { drawFrom } from "./draw.ts"

export interface ConformanceOptions {
  /** Cases that this backend does not pass, each with the reason: they show up as skipped. */
  readonly skip?: Readonly<Record<string, string>>
  /** Two float32 computations may differ by this: by default `max(2e-5, 1e-5 · max|expected|)`. */
  readonly tolerance?: Tolerance
  /**
   * "smoke" is for a second way to the same kernels, such as a worker of a page. It runs the first variant of each op with
   * its gradient, what `Backend`, `Program` and `State` promise, one model's gradients, and a training run of three steps.
   */
  readonly subset?: "smoke"
}

/** The tests of whole models that the smoke subset runs. */
const smokeModels: ReadonlySet<string> = new Set(["ViT, class token: gradients", "three steps of AdamW with dropout"])

/** The names that `skip` takes: the ops and what is promised besides. */
export const caseNames: readonly string[] = [
  ...Object.keys(opCases),
  ...Object.values(contract).flatMap((tests) => Object.keys(tests)),
]

/**
 * Registers the suite that every backend passes: each op and each gradient on many shapes, whole models, training
 * steps, and what `Backend`, `Program` and `State` promise, all held against the float64 reference.
 * @throws Error for a skip that names no case, so that none outlives its reason.
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

    const test = (each: string, run: () => Promise<void>): void => {
      const reason = Object.hasOwn(skip, each) ? skip[each] : undefined
      if (reason === undefined) it(each, run)
      else it.skip(`${each} (${reason})`)
    }
    describe("ops and their gradients", () => {
      for (const [each, variants] of Object.entries(opCases))
        test(each, () => verifyCase(() => backend, subset === "smoke" ? smokeCase(variants) : variants, tolerance))
    })
    for (const [group, tests] of Object.entries(contract))
      describe(group, () => {
        for (const [each, run] of Object.entries(tests))
          if (subset === undefined || group !== "models" || smokeModels.has(each))
            test(each, () => run({ backend, tolerance }))
      })
    it("closes", async () => (await makeBackend()).close())
  })
}

/** The variant of a case that the smoke subset runs. */
export const smokeCase = (variants: Case): Case => Object.fromEntries(Object.entries(variants).slice(0, 1))

/** @throws Error with a line for every variant that differs from the reference. */
export async function verifyCase(backend: () => Backend, variants: Case, tolerance: Tolerance): Promise<void> {
  const verify = (build: Build): Promise<void> => verifyBuild(backend(), build, tolerance)
  const faults: string[] = []
  for (const [what, variant] of Object.entries(variants))
    try {
      await (typeof variant === "function" ? verify(variant) : variant.check(verify))
    } catch (error) {
      faults.push(`${what}: ${tell(error)}`)
    }
  if (faults.length > 0) throw new Error(faults.join("\n"))
}

/** The message of an error; of a property's, the simplest case that fails, and how. */
function tell(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const found = /^Counterexample: .*$/m.exec(error.message)
  return found && error.cause ? `${found[0]}: ${tell(error.cause)}` : error.message
}

/** Compares a computation, and the gradients of a random-weighted sum of its outputs, with the reference. */
async function verifyBuild(backend: Backend, build: Build, tolerance: Tolerance): Promise<void> {
  const draw = drawFrom(42)
  const built = build(draw)
  const outputs: readonly Tensor[] = Array.isArray(built) ? built : [built as Tensor]
  const named: Record<string, Tensor> = Object.fromEntries(outputs.map((t, i) => [`y${i}`, t]))
  const wrt = Object.entries(draw.tensors).filter(([, t]) => t.dtype === "float32")
  const ends = outputs.filter((t) => t.dtype === "float32")
  const seeds = ends.map(({ shape }) => draw.normal(shape))
  const made = gradients(
    ends,
    wrt.map(([, t]) => t),
    seeds,
  )
  made.forEach((t, i) => void (named[`grad ${wrt[i]?.[0]}`] = t))
  const g = graph({ outputs: named })
  const [actual, expected] = await Promise.all([
    runOnce(backend, g, draw.data),
    runOnce(referenceBackend(), g, draw.data),
  ])
  expectClose(actual, expected, tolerance)
}
