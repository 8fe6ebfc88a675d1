import { candidates, type Tiling } from "../kernels/matmul.ts"
import { kernelsOf } from "../kernels/kernels.ts"
import type { Kernel } from "../kernels/shader.ts"
import type { PlanLimits } from "../plan/plan.ts"
import type { Step } from "../plan/step.ts"
import { bytesOf, type Tensor } from "../plan/tensor.ts"
import { accessOf } from "./bind.ts"
import type { Gpu } from "./gpu.ts"

/** Where tilings are remembered: a text by a name. What cannot be read or written is measured again. */
export interface TuningStore {
  read(name: string): Promise<string | undefined>
  write(name: string, text: string): Promise<void>
}

/** Chooses how products are cut by measuring on the device, once for each kind and size. */
export interface Tuner {
  /** The tiling of a product, where it is known. */
  readonly tiling: (key: string) => Tiling | undefined
  /** Measures products that are not known yet, and remembers. */
  measure(products: ReadonlyMap<string, Product>): Promise<void>
}

/** A product, and the tensors that its views are of. */
export interface Product {
  readonly step: Step<"matMul">
  readonly tensors: readonly Tensor[]
}

const version = 2

export async function createTuner(gpu: Gpu, limits: PlanLimits, device: string, store: TuningStore): Promise<Tuner> {
  const name = `tiles-${version}-${device}`
  const known = new Map<string, Tiling>(read(await store.read(name).catch(() => undefined)))
  return {
    tiling: (key) => known.get(key),
    measure: async (products) => {
      for (const [key, product] of products) known.set(key, await fastest(gpu, limits, key, product))
      await store.write(name, JSON.stringify([...known])).catch(() => {})
    },
  }
}

/** What was remembered, as far as it can be what we wrote. */
function read(text: string | undefined): [string, Tiling][] {
  try {
    const entries: unknown = JSON.parse(text ?? "[]")
    if (!Array.isArray(entries)) return []
    return entries.filter(([key, tiling]: [string, Tiling]) =>
      candidates(key).some((each) => JSON.stringify(each) === JSON.stringify(tiling)),
    )
  } catch {
    return []
  }
}

async function fastest(gpu: Gpu, limits: PlanLimits, key: string, product: Product): Promise<Tiling> {
  const { maxComputeInvocationsPerWorkgroup: most } = gpu.limits
  const fits = ({ rows, columns, depth, threadRows, threadColumns }: Tiling): boolean =>
    (rows / threadRows) * (columns / threadColumns) <= most && 4 * depth * (rows + columns) <= limits.workgroupMemory
  let best: { tiling: Tiling; time: number } | undefined
  for (const tiling of candidates(key).filter(fits)) {
    const time = await timeOf(gpu, limits, product, tiling)
    if (best === undefined || time < best.time) best = { tiling, time }
  }
  return (best as NonNullable<typeof best>).tiling
}

/** Repetitions that are timed together, and how often; the least time counts. */
const repetitions = 8
const rounds = 3

/** Milliseconds that a product takes in a tiling, on tensors of its own. */
async function timeOf(gpu: Gpu, limits: PlanLimits, { step, tensors: all }: Product, tiling: Tiling): Promise<number> {
  const tensors = [...all]
  const writes = new Set(step.outputs.flatMap((view) => (view ? [view.tensor] : [])))
  const group = { anchor: step, before: [], after: [], writes }
  const kernels = kernelsOf(tensors, group, { ...limits, tiling: () => tiling }, () => false)
  const used = new Set(kernels.flatMap(({ bindings }) => bindings.map(({ tensor }) => tensor)))
  const buffers = new Map(
    [...used].map((i) => [i, gpu.buffer("tuning", bytesOf(tensors[i] as Tensor), GPUBufferUsage.STORAGE)]),
  )
  try {
    const ready: { pipeline: GPUComputePipeline; group: GPUBindGroup; grid: Kernel["grid"] }[] = []
    for (const { label, code, bindings, grid } of kernels) {
      const access = accessOf(bindings)
      const pipeline = await gpu.pipeline(label, code, access)
      const entries = bindings.map(({ tensor }, binding) => ({
        binding,
        resource: { buffer: buffers.get(tensor) as GPUBuffer },
      }))
      ready.push({ pipeline, group: gpu.device.createBindGroup({ layout: gpu.layout(access), entries }), grid })
    }
    const run = (pass: GPUComputePassEncoder): void => {
      for (let i = 0; i < repetitions; i++)
        for (const { pipeline, group, grid } of ready) {
          pass.setPipeline(pipeline)
          pass.setBindGroup(0, group)
          pass.dispatchWorkgroups(...grid)
        }
    }
    const times: number[] = []
    for (let i = 0; i <= rounds; i++) times.push(await timed(gpu, run))
    return Math.min(...times.slice(1))
  } finally {
    for (const buffer of buffers.values()) buffer.destroy()
  }
}

/** Milliseconds of a pass, by the device's clock where it has one. */
async function timed(gpu: Gpu, run: (pass: GPUComputePassEncoder) => void): Promise<number> {
  const { device } = gpu
  const encoder = device.createCommandEncoder()
  if (!device.features.has("timestamp-query")) {
    const pass = encoder.beginComputePass()
    run(pass)
    pass.end()
    const begun = performance.now()
    device.queue.submit([encoder.finish()])
    await gpu.settled(device.queue.onSubmittedWorkDone())
    return performance.now() - begun
  }
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 })
  const times = gpu.buffer("times", 16, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC)
  const readback = gpu.takeReadback(16)
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
  const pass = encoder.beginComputePass({ timestampWrites })
  run(pass)
  pass.end()
  encoder.resolveQuerySet(querySet, 0, 2, times, 0)
  encoder.copyBufferToBuffer(times, 0, readback, 0, 16)
  device.queue.submit([encoder.finish()])
  await gpu.settled(readback.mapAsync(GPUMapMode.READ, 0, 16))
  const [from, to] = new BigUint64Array(readback.getMappedRange(0, 16)) as unknown as [bigint, bigint]
  const elapsed = Number(to - from) / 1e6
  readback.unmap()
  gpu.giveReadback(readback)
  querySet.destroy()
  times.destroy()
  return elapsed
}
