import type { CompileOptions, Graph } from "@vitrine/core"
import { bindBatch, type BoundGraph, typeOf } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import { tilingKey } from "../kernels/tiling.ts"
import { type Plan, planOf, type PlanLimits } from "../plan/plan.ts"
import { bytesOf } from "../plan/tensor.ts"
import { fail, type Gpu, megabytes } from "./gpu.ts"
import { checked } from "./host.ts"
import { GpuProgram } from "./program.ts"
import type { Tuner } from "./tune.ts"

/**
 * Plans a graph, measures tilings of its products if there is a tuner, and compiles its kernels.
 * @throws VitrineError (backend) for constants that do not fit, and for memory or kernels that the device refuses
 */
export async function compileProgram(
  gpu: Gpu,
  source: Graph,
  { batch, constants = {} }: CompileOptions,
  limits: PlanLimits,
  tuner?: Tuner,
): Promise<GpuProgram> {
  const graph = bindBatch(source, batch)
  const values = checkedConstants(graph, constants)
  const plan = await tunedPlan(source, batch, values, limits, tuner)
  checkSizes(plan, limits)
  const total = plan.memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
  const help = `; it holds ${megabytes(total)} between its kernels: lower the batch size and accumulate, or compute blocks again in training (gradCheckpointing)`
  const program = await gpu.guarded("the program does not fit", () => new GpuProgram(gpu, graph, plan), help)
  try {
    await program.prepare()
    return program
  } catch (error) {
    await program.dispose()
    throw error
  }
}

/** The constants of a graph by name, after a check. */
function checkedConstants(
  graph: BoundGraph,
  constants: NonNullable<CompileOptions["constants"]>,
): Record<string, Float32Array> {
  const values: Record<string, Float32Array> = {}
  for (const [name, value] of Object.entries(graph.states)) {
    const data = Object.hasOwn(constants, name) ? constants[name] : undefined
    if (data === undefined) continue
    if (!(data instanceof Float32Array))
      return fail(`constant "${name}" must be given as values: read ${[data].flat()[0]?.path} first`)
    if (Object.hasOwn(graph.updates, name)) fail(`constant "${name}" is updated by the graph: make it a state`)
    checked(`constant "${name}"`, data, typeOf(graph, value))
    values[name] = data
  }
  return values
}

/** A plan. If tilings of its products had to be measured, it is made again with them. */
async function tunedPlan(
  source: Graph,
  batch: number | undefined,
  constants: Readonly<Record<string, Float32Array>>,
  limits: PlanLimits,
  tuner: Tuner | undefined,
): Promise<Plan> {
  if (tuner === undefined) return planOf(source, batch, constants, limits)
  const unmeasured = new Map<string, Step<"matMul">>()
  const tiling: PlanLimits["tiling"] = (step) => {
    const key = tilingKey(step)
    const knownTiling = tuner.tiling(key)
    if (knownTiling === undefined) unmeasured.set(key, step)
    return knownTiling
  }
  const plan = planOf(source, batch, constants, { ...limits, tiling })
  if (unmeasured.size === 0) return plan
  checkSizes(plan, limits)
  await tuner.measure(unmeasured)
  return planOf(source, batch, constants, { ...limits, tiling })
}

function checkSizes(plan: Plan, { largest }: PlanLimits): void {
  for (const tensor of plan.tensors)
    if (tensor.place !== "literal" && bytesOf(tensor) > largest)
      fail(
        `a value of [${tensor.shape.join(", ")}] takes ${megabytes(bytesOf(tensor))}, and this device binds at most ${megabytes(largest)}: lower the batch size, and accumulate in training`,
      )
}
