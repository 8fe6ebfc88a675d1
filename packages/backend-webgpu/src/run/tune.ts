import { kernelsOf } from "../kernels/kernels.ts"
import type { Kernel } from "../kernels/shader.ts"
import { candidates, type Tiling } from "../kernels/tiling.ts"
import type { PlanLimits } from "../plan/plan.ts"
import type { Step } from "../plan/step.ts"
import { bytesOf, type Tensor } from "../plan/tensor.ts"
import { type View, wholeView } from "../plan/view.ts"
import { accessOf, compiled } from "./bind.ts"
import type { Gpu } from "./gpu.ts"

/** Stores texts by name. If a text cannot be read or written, tilings are measured again. */
export interface TuningStore {
  read(name: string): Promise<string | undefined>
  write(name: string, text: string): Promise<void>
}

type Product = Step<"matMul">

/** Chooses the tilings of products by measuring on the device, once for each kind and size. */
export interface Tuner {
  /** The tiling for a key of `tilingKey`, or undefined if it has not been measured. */
  readonly tiling: (key: string) => Tiling | undefined
  /** Measures products by their keys, and stores their tilings. */
  measure(products: ReadonlyMap<string, Product>): Promise<void>
}

const version = 2

export async function createTuner(gpu: Gpu, limits: PlanLimits, device: string, store: TuningStore): Promise<Tuner> {
  const name = `tiles-${version}-${device}`
  const tilings = new Map<string, Tiling>(parse(await store.read(name).catch(() => undefined)))
  return {
    tiling: (key) => tilings.get(key),
    measure: async (products) => {
      for (const [key, product] of products) tilings.set(key, await fastest(gpu, limits, key, product))
      await store.write(name, JSON.stringify([...tilings])).catch(() => {})
    },
  }
}

/** The tilings in a stored text. Invalid entries are left out. */
function parse(text: string | undefined): [string, Tiling][] {
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
  let best: { readonly tiling: Tiling; readonly time: number } | undefined
  for (const tiling of candidates(key).filter(fits)) {
    const time = await timeOf(gpu, limits, product, tiling)
    if (best === undefined || time < best.time) best = { tiling, time }
  }
  if (best === undefined) throw new Error(`no tiling fits the device for ${key}`)
  return best.tiling
}

/**
 * The number of repetitions in a pass, and the number of timed passes, which follow one untimed pass. The shortest time
 * counts.
 */
const repetitions = 8
const rounds = 3

/** The milliseconds that a product needs with a tiling. It runs on temporary tensors. */
async function timeOf(gpu: Gpu, limits: PlanLimits, product: Product, tiling: Tiling): Promise<number> {
  const writes = new Set(product.outputs.flatMap((view) => (view === undefined ? [] : [view.tensor])))
  const work = (shape: readonly number[]): View => wholeView({ shape, dtype: "float32", place: "work" })
  const group = { anchor: product, before: [], after: [], writes }
  const kernels = kernelsOf(group, { ...limits, tiling: () => tiling }, work, () => false)
  const buffers = new Map<Tensor, GPUBuffer>()
  const bufferOf = (tensor: Tensor): GPUBuffer => {
    const buffer = buffers.get(tensor) ?? gpu.buffer("tuning", bytesOf(tensor), GPUBufferUsage.STORAGE)
    buffers.set(tensor, buffer)
    return buffer
  }
  try {
    const ready: { pipeline: GPUComputePipeline; group: GPUBindGroup; grid: Kernel["grid"] }[] = []
    for (const kernel of kernels) {
      const { bindings, grid } = kernel
      const entries = bindings.map(({ tensor }, binding) => ({ binding, resource: { buffer: bufferOf(tensor) } }))
      const layout = gpu.layout(accessOf(bindings))
      const group = gpu.device.createBindGroup({ layout, entries })
      ready.push({ pipeline: await compiled(gpu, kernel), group, grid })
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

/** The milliseconds of a pass, by the device's clock if it has one. */
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
  const [from = 0n, to = 0n] = new BigUint64Array(readback.getMappedRange(0, 16))
  const elapsed = Number(to - from) / 1e6
  readback.unmap()
  gpu.giveReadback(readback)
  querySet.destroy()
  times.destroy()
  return elapsed
}
