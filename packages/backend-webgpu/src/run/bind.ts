import { lateCode, type LateSet, squaresCode, stretch, sumsCode } from "../kernels/many.ts"
import type { Dispatch, Plan, Summed } from "../plan/plan.ts"
import { squaresStretch } from "../plan/plan.ts"
import { bytesOf, type Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { fold } from "../kernels/shader.ts"
import type { Gpu } from "./gpu.ts"

/** Where a tensor lies. */
export interface Place {
  readonly buffer: GPUBuffer
  /** In bytes. */
  readonly offset: number
}

/** A dispatch that is ready to be encoded. */
export interface Ready {
  readonly label: string
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
}

export interface Locator {
  readonly tensor: (tensor: number) => Place
  readonly slot: (name: string) => Place
}

export const accessOf = (bindings: readonly { readonly access: "read" | "write" }[]): string =>
  bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("")

/** The dispatches of one entry of a plan: several where what it takes together lies in several buffers. */
export async function ready(
  gpu: Gpu,
  plan: Plan,
  dispatch: Dispatch,
  locate: Locator,
  tables: GPUBuffer[],
): Promise<Ready[]> {
  switch (dispatch.kind) {
    case "kernel": {
      const { label, code, bindings, grid } = dispatch.kernel
      const access = accessOf(bindings)
      const pipeline = await gpu.pipeline(label, code, access)
      const resources = bindings.map(({ tensor }) => ({
        ...locate.tensor(tensor),
        size: bytesOf(plan.tensors[tensor] as Tensor),
      }))
      return [{ label, pipeline, group: bindGroup(gpu, label, access, resources), grid }]
    }
    case "squares":
      return squares(gpu, dispatch, locate, tables)
    case "sums":
      return sums(gpu, plan, dispatch.items, locate, tables)
    case "late":
      return late(gpu, plan, dispatch.sets, locate, tables)
  }
}

function bindGroup(gpu: Gpu, label: string, access: string, resources: readonly GPUBufferBinding[]): GPUBindGroup {
  const entries = resources.map((resource, binding) => ({ binding, resource }))
  return gpu.device.createBindGroup({ label, layout: gpu.layout(access), entries })
}

/** Items by the buffers that they lie in. */
function byBuffers<T>(items: readonly T[], buffersOf: (item: T) => readonly GPUBuffer[]): T[][] {
  const known = new Map<GPUBuffer, number>()
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = buffersOf(item)
      .map((buffer) => {
        const number = known.get(buffer) ?? known.size
        known.set(buffer, number)
        return number
      })
      .join()
    groups.set(key, [...(groups.get(key) ?? []), item])
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
  { inputs, parts }: Extract<Dispatch, { kind: "squares" }>,
  locate: Locator,
  tables: GPUBuffer[],
): Promise<Ready[]> {
  let next = 0
  const numbered = inputs.map((view) => {
    const first = next
    next += Math.ceil(sizeOf(view.shape) / squaresStretch)
    return { view, first }
  })
  const code = squaresCode()
  const made: Ready[] = []
  for (const alike of byBuffers(numbered, ({ view }) => [locate.tensor(view.tensor).buffer])) {
    const rows = alike.flatMap(({ view, first }) => {
      const size = sizeOf(view.shape)
      const { offset } = locate.tensor(view.tensor)
      return Array.from({ length: Math.ceil(size / squaresStretch) }, (_, i) => [
        Math.min(squaresStretch, size - i * squaresStretch),
        offset / 16 + (i * squaresStretch) / 4,
        first + i,
      ])
    })
    const label = `squares of ${alike.length} tensors`
    const { buffer } = locate.tensor((alike[0] as (typeof alike)[number]).view.tensor)
    const target = locate.tensor(parts)
    const resources = [
      { buffer },
      { ...target, size: Math.max(16, 4 * next) },
      { buffer: table(gpu, label, rows, tables) },
    ]
    const group = bindGroup(gpu, label, "rwr", resources)
    made.push({ label, pipeline: await gpu.pipeline(label, code, "rwr"), group, grid: fold(rows.length) })
  }
  return made
}

async function sums(
  gpu: Gpu,
  plan: Plan,
  items: readonly Summed[],
  locate: Locator,
  tables: GPUBuffer[],
): Promise<Ready[]> {
  const made: Ready[] = []
  const code = sumsCode()
  const at = ({ parts, result }: Summed): [Place, Place] => [locate.tensor(parts), locate.tensor(result)]
  for (const alike of byBuffers(items, (item) => at(item).map(({ buffer }) => buffer))) {
    const rows = alike.flatMap((item) => {
      const [from, to] = at(item)
      const vectors = sizeOf((plan.tensors[item.result] as Tensor).shape) / 4
      return Array.from({ length: Math.ceil(vectors / 64) }, (_, i) => [
        Math.min(64, vectors - 64 * i),
        item.count,
        vectors,
        from.offset / 16 + 64 * i,
        to.offset / 16 + 64 * i,
      ])
    })
    const label = `sums of parts of ${alike.length} tensors`
    const [from, to] = at(alike[0] as Summed)
    const buffers = [from.buffer, to.buffer, table(gpu, label, rows, tables)]
    const group = bindGroup(
      gpu,
      label,
      "rwr",
      buffers.map((buffer) => ({ buffer })),
    )
    made.push({ label, pipeline: await gpu.pipeline(label, code, "rwr"), group, grid: fold(rows.length) })
  }
  return made
}

async function late(
  gpu: Gpu,
  plan: Plan,
  sets: readonly LateSet[],
  locate: Locator,
  tables: GPUBuffer[],
): Promise<Ready[]> {
  const at = ({ tensor, offset }: View): Place => {
    const place = locate.tensor(tensor)
    return { buffer: place.buffer, offset: place.offset + 4 * offset }
  }
  const places = ({ operands, results }: LateSet): Place[] => [
    ...operands.map(({ view }) => at(view)),
    ...results.map(({ slot }) => locate.slot(slot)),
  ]
  const made: Ready[] = []
  for (const alike of byBuffers(sets, (set) => places(set).map(({ buffer }) => buffer))) {
    const [model] = alike as [LateSet]
    const used = places(model).map(({ buffer }) => buffer)
    const buffers = [...new Set(used)]
    const numbers = used.map((buffer) => buffers.indexOf(buffer))
    const count = model.operands.length
    const written = new Set(numbers.slice(count))
    const writable = buffers.map((_, i) => written.has(i))
    const code = lateCode(plan.tensors, model, numbers.slice(0, count), numbers.slice(count), writable)
    const access = `${writable.map((writes) => (writes ? "w" : "r")).join("")}r`
    const label = `${model.steps.map(({ op }) => op).join(" ")} of ${alike.length} slots`
    const rows = alike.flatMap((set) => {
      const offsets = places(set)
      return Array.from({ length: Math.ceil(set.size / stretch) }, (_, i) => {
        const vectors = Math.ceil(Math.min(stretch, set.size - i * stretch) / 4)
        const columns = offsets.map(({ offset }, k) =>
          set.operands[k]?.single ? offset / 4 : offset / 16 + (i * stretch) / 4,
        )
        return [vectors, ...columns]
      })
    })
    const resources = [...buffers, table(gpu, label, rows, tables)].map((buffer) => ({ buffer }))
    const pipeline = await gpu.pipeline(label, code, access)
    made.push({ label, pipeline, group: bindGroup(gpu, label, access, resources), grid: fold(rows.length) })
  }
  return made
}
