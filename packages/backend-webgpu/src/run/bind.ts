import { elementCount } from "@vitrine/core/backend"
import { lateCode, type LateSet, squaresCode, stretch, sumsCode } from "../kernels/many.ts"
import { type Binding, fold, type Kernel } from "../kernels/shader.ts"
import {
  type Dispatch,
  type LateDispatch,
  type SquaresDispatch,
  squaresStretch,
  type Summed,
  type SumsDispatch,
} from "../plan/plan.ts"
import { bytesOf, type Tensor } from "../plan/tensor.ts"
import type { View } from "../plan/view.ts"
import type { Gpu } from "./gpu.ts"

/** The place of a tensor on the device. */
export interface Place {
  readonly buffer: GPUBuffer
  /** The offset in bytes. */
  readonly offset: number
}

/** A dispatch that can be encoded. */
export interface Ready {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
}

export interface Locator {
  readonly tensor: (tensor: Tensor) => Place
  readonly slot: (name: string) => Place
}

/** A text with an "r" or "w" for each binding. */
export const accessOf = (bindings: readonly Pick<Binding, "access">[]): string =>
  bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("")

/** Compiles a kernel, or returns the pipeline of an earlier call. */
export const compiled = (gpu: Gpu, { label, code, bindings }: Kernel): Promise<GPUComputePipeline> =>
  gpu.pipeline(label, code, accessOf(bindings))

/**
 * The dispatches of one entry of a plan. There are several if its tensors are in several buffers.
 * @param tables receives the tables that are made for them
 */
export async function ready(gpu: Gpu, dispatch: Dispatch, locate: Locator, tables: GPUBuffer[]): Promise<Ready[]> {
  switch (dispatch.kind) {
    case "kernel": {
      const { kernel } = dispatch
      const { label, bindings, grid } = kernel
      const pipeline = await compiled(gpu, kernel)
      const resources = bindings.map(({ tensor }) => ({ ...locate.tensor(tensor), size: bytesOf(tensor) }))
      return [{ label, pipeline, group: bindGroup(gpu, label, accessOf(bindings), resources), grid }]
    }
    case "squares":
      return squares(gpu, dispatch, locate, tables)
    case "sums":
      return sums(gpu, dispatch, locate, tables)
    case "late":
      return late(gpu, dispatch, locate, tables)
  }
}

function bindGroup(gpu: Gpu, label: string, access: string, resources: readonly GPUBufferBinding[]): GPUBindGroup {
  const entries = resources.map((resource, binding) => ({ binding, resource }))
  return gpu.device.createBindGroup({ label, layout: gpu.layout(access), entries })
}

/** Items of a dispatch whose tensors are in the same buffers. */
type Alike<T> = readonly [T, ...T[]]

/** Groups items by the buffers of their tensors. */
function byBuffers<T>(items: readonly T[], buffersOf: (item: T) => readonly GPUBuffer[]): Alike<T>[] {
  const numbers = new Map<GPUBuffer, number>()
  const numberOf = (buffer: GPUBuffer): number => {
    const number = numbers.get(buffer) ?? numbers.size
    numbers.set(buffer, number)
    return number
  }
  const groups = new Map<string, [T, ...T[]]>()
  for (const item of items) {
    const key = buffersOf(item).map(numberOf).join()
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return [...groups.values()]
}

function table(gpu: Gpu, label: string, rows: readonly (readonly number[])[], tables: GPUBuffer[]): GPUBuffer {
  const data = Uint32Array.from(rows.flat())
  const buffer = gpu.buffer(label, data.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST)
  gpu.device.queue.writeBuffer(buffer, 0, data)
  tables.push(buffer)
  return buffer
}

async function squares(
  gpu: Gpu,
  { inputs, parts }: SquaresDispatch,
  locate: Locator,
  tables: GPUBuffer[],
): Promise<Ready[]> {
  let count = 0
  const items = inputs.map(({ shape, tensor }) => {
    const size = elementCount(shape)
    const first = count
    count += Math.ceil(size / squaresStretch)
    return { place: locate.tensor(tensor), size, first }
  })
  const code = squaresCode()
  const dispatches: Ready[] = []
  for (const alike of byBuffers(items, ({ place }) => [place.buffer])) {
    const rows = alike.flatMap(({ place: { offset }, size, first }) =>
      Array.from({ length: Math.ceil(size / squaresStretch) }, (_, i) => [
        Math.min(squaresStretch, size - i * squaresStretch),
        offset / 16 + (i * squaresStretch) / 4,
        first + i,
      ]),
    )
    const label = `squares of ${alike.length} tensors`
    const [{ place }] = alike
    const resources = [
      { buffer: place.buffer },
      { ...locate.tensor(parts), size: Math.max(16, 4 * count) },
      { buffer: table(gpu, label, rows, tables) },
    ]
    const group = bindGroup(gpu, label, "rwr", resources)
    dispatches.push({ label, pipeline: await gpu.pipeline(label, code, "rwr"), group, grid: fold(rows.length) })
  }
  return dispatches
}

async function sums(gpu: Gpu, { items }: SumsDispatch, locate: Locator, tables: GPUBuffer[]): Promise<Ready[]> {
  const dispatches: Ready[] = []
  const code = sumsCode()
  const placed = items.map(({ parts, result, count }: Summed) => ({
    from: locate.tensor(parts),
    to: locate.tensor(result),
    vectors: elementCount(result.shape) / 4,
    count,
  }))
  for (const alike of byBuffers(placed, ({ from, to }) => [from.buffer, to.buffer])) {
    const rows = alike.flatMap(({ from, to, vectors, count }) =>
      Array.from({ length: Math.ceil(vectors / 64) }, (_, i) => [
        Math.min(64, vectors - 64 * i),
        count,
        vectors,
        from.offset / 16 + 64 * i,
        to.offset / 16 + 64 * i,
      ]),
    )
    const label = `sums of parts of ${alike.length} tensors`
    const [{ from, to }] = alike
    const resources = [from.buffer, to.buffer, table(gpu, label, rows, tables)].map((buffer) => ({ buffer }))
    const group = bindGroup(gpu, label, "rwr", resources)
    dispatches.push({ label, pipeline: await gpu.pipeline(label, code, "rwr"), group, grid: fold(rows.length) })
  }
  return dispatches
}

async function late(gpu: Gpu, { sets }: LateDispatch, locate: Locator, tables: GPUBuffer[]): Promise<Ready[]> {
  const placeOf = ({ tensor, offset }: View): Place => {
    const place = locate.tensor(tensor)
    return { buffer: place.buffer, offset: place.offset + 4 * offset }
  }
  const placed = sets.map((set: LateSet) => ({
    set,
    operands: set.operands.map(({ view, single }) => ({ place: placeOf(view), single })),
    results: set.results.map(({ slot }) => ({ place: locate.slot(slot), single: false })),
  }))
  const dispatches: Ready[] = []
  for (const alike of byBuffers(placed, ({ operands, results }) => [...operands, ...results].map(bufferOf))) {
    const [{ set, operands, results }] = alike
    const buffers = [...new Set([...operands, ...results].map(bufferOf))]
    const numberOf = (item: { readonly place: Place }): number => buffers.indexOf(bufferOf(item))
    const written = new Set(results.map(numberOf))
    const writable = buffers.map((_, i) => written.has(i))
    const code = lateCode(set, operands.map(numberOf), results.map(numberOf), writable)
    const access = `${writable.map((writes) => (writes ? "w" : "r")).join("")}r`
    const label = `${set.steps.map(({ op }) => op).join(" ")} of ${alike.length} slots`
    const rows = alike.flatMap(({ set: { size }, ...each }) =>
      Array.from({ length: Math.ceil(size / stretch) }, (_, i) => {
        const vectors = Math.ceil(Math.min(stretch, size - i * stretch) / 4)
        const offsets = [...each.operands, ...each.results].map(({ place: { offset }, single }) =>
          single ? offset / 4 : offset / 16 + (i * stretch) / 4,
        )
        return [vectors, ...offsets]
      }),
    )
    const resources = [...buffers, table(gpu, label, rows, tables)].map((buffer) => ({ buffer }))
    const pipeline = await gpu.pipeline(label, code, access)
    dispatches.push({ label, pipeline, group: bindGroup(gpu, label, access, resources), grid: fold(rows.length) })
  }
  return dispatches
}

const bufferOf = ({ place }: { readonly place: Place }): GPUBuffer => place.buffer
