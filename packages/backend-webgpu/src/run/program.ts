import type { CompileOptions, Graph, HostData, HostTensor, Program, State, TensorType } from "@vitrine/core"
import { bindBatch, float16Bits, sameShape, showShape } from "@vitrine/core/backend"
import { tilingKey } from "../kernels/matmul.ts"
import { type Dispatch, inARow, type Plan, planOf, type PlanLimits, touched } from "../plan/plan.ts"
import { bytesOf, type OnHost, stored, type Tensor } from "../plan/tensor.ts"
import { sizeOf, type View } from "../plan/view.ts"
import { type Locator, type Place, type Ready, ready } from "./bind.ts"
import { fail, type Gpu, megabytes } from "./gpu.ts"
import { checked, pack, unpack } from "./host.ts"
import type { Product, Tuner } from "./tune.ts"
import { Timing } from "./timing.ts"
import { GpuState } from "./state.ts"

interface Copy {
  readonly from: Place
  readonly to: Place
  readonly bytes: number
}

/** All that a run on one state encodes. */
interface Bound {
  readonly dispatches: readonly Ready[]
  readonly copies: readonly Copy[]
  /** Where the results are to be had, to be read back. */
  readonly results: readonly { readonly from: Place; readonly offset: number; readonly bytes: number }[]
  readonly tables: readonly GPUBuffer[]
}

interface Result {
  readonly name: string
  readonly view: View
  readonly type: TensorType
  /** In the buffer that is read back. */
  readonly offset: number
}

/** Values on the host, or on the device as float32, int32, or u32 for bools. */
export type DeviceInputs = Readonly<Record<string, HostData | GPUBuffer>>

/** A tensor on the device, dense; its buffer may be larger. */
export interface DeviceTensor {
  readonly buffer: GPUBuffer
  readonly shape: readonly number[]
  readonly dtype: OnHost
}

/** What a program takes of the device. */
export interface ProgramCost {
  readonly dispatches: number
  /** Of its own: values between kernels, inputs and constants. */
  readonly bytes: number
  readonly kernels: readonly string[]
}

/** A compiled graph on a device. */
export class GpuProgram implements Program {
  readonly #gpu: Gpu
  readonly #graph: Graph
  readonly #plan: Plan
  readonly #arenas: readonly GPUBuffer[]
  readonly #inputs: {
    readonly buffer: GPUBuffer
    readonly at: ReadonlyMap<number, number>
    readonly staging: ArrayBuffer
  }
  readonly #constants: { readonly buffer: GPUBuffer; readonly at: ReadonlyMap<number, number> }
  readonly #results: readonly Result[]
  readonly #resultBytes: number
  readonly #slotNames: readonly string[]
  /** By state, or by the program itself where it needs none. */
  readonly #bound = new Map<object, Bound>()
  readonly #binding = new Map<object, Promise<Bound>>()
  #stateless: ReadonlyMap<Dispatch, readonly Ready[]> = new Map()
  readonly #tables: GPUBuffer[] = []
  #disposed = false

  private constructor(gpu: Gpu, graph: Graph, plan: Plan) {
    this.#gpu = gpu
    this.#graph = graph
    this.#plan = plan
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    this.#arenas = plan.memory.arenas.map((bytes, i) => gpu.buffer(`values ${i}`, bytes, storage))
    const inputs = inARow(plan.tensors, "input")
    this.#inputs = {
      buffer: gpu.buffer("inputs", inputs.bytes, storage),
      at: inputs.at,
      staging: new ArrayBuffer(inputs.bytes),
    }
    const constants = inARow(plan.tensors, "constant")
    const buffer = gpu.buffer("constants", constants.bytes, storage)
    for (const [tensor, offset] of constants.at) {
      const { data, dtype, name } = plan.tensors[tensor] as Tensor
      if (data) gpu.device.queue.writeBuffer(buffer, offset, dtype === "float16" ? narrowed(data, name) : data)
    }
    this.#constants = { buffer, at: constants.at }
    let offset = 0
    this.#results = Object.entries(plan.outputs).map(([name, view]) => {
      const result = { name, view, type: graph.values[graph.outputs[name] as number] as TensorType, offset }
      offset += bytesOf(plan.tensors[view.tensor] as Tensor)
      return result
    })
    this.#resultBytes = offset
    const read = plan.tensors.flatMap(({ place, name }) => (place === "state" ? [name as string] : []))
    this.#slotNames = [...new Set([...read, ...Object.keys(graph.updates)])]
  }

  static async compile(
    gpu: Gpu,
    source: Graph,
    { batch, constants = {} }: CompileOptions,
    limits: PlanLimits,
    tuner?: Tuner,
  ): Promise<GpuProgram> {
    const graph = bindBatch(source, batch)
    const values: Record<string, Float32Array> = {}
    for (const [name, value] of Object.entries(graph.states)) {
      const data = Object.hasOwn(constants, name) ? constants[name] : undefined
      if (data === undefined) continue
      if (!(data instanceof Float32Array))
        return fail(`constant "${name}" must be given as values: read ${[data].flat()[0]?.path} first`)
      if (Object.hasOwn(graph.updates, name)) fail(`constant "${name}" is updated by the graph: make it a state`)
      values[name] = checked(`constant "${name}"`, data, graph.values[value] as TensorType) as Float32Array
    }
    const unknown = new Map<string, Product>()
    const tiling: PlanLimits["tiling"] = (step, tensors) => {
      const key = tilingKey(step)
      const found = tuner?.tiling(key)
      if (tuner && found === undefined) unknown.set(key, { step, tensors })
      return found
    }
    let plan = planOf(source, batch, values, { ...limits, tiling })
    if (tuner && unknown.size > 0) {
      checkSizes(plan, limits)
      await tuner.measure(unknown)
      plan = planOf(source, batch, values, { ...limits, tiling })
    }
    checkSizes(plan, limits)
    const total = plan.memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
    const help = `; it holds ${megabytes(total)} between its kernels: lower the batch size and accumulate, or compute blocks again in training (gradCheckpointing)`
    const program = await gpu.guarded("the program does not fit", () => new GpuProgram(gpu, graph, plan), help)
    try {
      await program.#prepare()
      return program
    } catch (error) {
      await program.dispose()
      throw error
    }
  }

  get device(): GPUDevice {
    return this.#gpu.device
  }

  get cost(): ProgramCost {
    const { tensors, memory, dispatches } = this.#plan
    const sum = (bytes: readonly number[]): number => bytes.reduce((total, each) => total + each, 0)
    const own = inARow(tensors, "input").bytes + inARow(tensors, "constant").bytes
    const kernels = dispatches.map((dispatch) => (dispatch.kind === "kernel" ? dispatch.kernel.label : dispatch.kind))
    return { dispatches: dispatches.length, bytes: sum(memory.arenas) + own, kernels }
  }

  #needsState(dispatch: Dispatch): boolean {
    const { reads } = touched(dispatch)
    return dispatch.kind === "late" || reads.some((tensor) => this.#plan.tensors[tensor]?.place === "state")
  }

  #locator(state: GpuState | undefined): Locator {
    const slot = (name: string): Place => (state as GpuState).slot(name)
    const tensor = (number: number): Place => {
      const { place, name } = this.#plan.tensors[number] as Tensor
      if (place === "state") return slot(name as string)
      if (place === "input") return { buffer: this.#inputs.buffer, offset: this.#inputs.at.get(number) as number }
      if (place === "constant")
        return { buffer: this.#constants.buffer, offset: this.#constants.at.get(number) as number }
      const held = this.#plan.memory.places.get(number)
      if (held === undefined) throw new Error(`tensor ${number} has no place`)
      return { buffer: this.#arenas[held.arena] as GPUBuffer, offset: held.offset }
    }
    return { tensor, slot }
  }

  /** Compiles all kernels, and binds those that no state has a part in. */
  async #prepare(): Promise<void> {
    const gpu = this.#gpu
    const locate = this.#locator(undefined)
    const made = await Promise.all(
      this.#plan.dispatches.map(async (dispatch): Promise<[Dispatch, Ready[]] | undefined> => {
        if (this.#needsState(dispatch)) {
          if (dispatch.kind === "kernel") {
            const { label, code, bindings } = dispatch.kernel
            await gpu.pipeline(label, code, bindings.map(({ access }) => access[0]).join(""))
          }
          return undefined
        }
        return [dispatch, await ready(gpu, this.#plan, dispatch, locate, this.#tables)]
      }),
    )
    this.#stateless = new Map(made.filter((each) => each !== undefined))
  }

  async #bind(state: GpuState | undefined): Promise<Bound> {
    const locate = this.#locator(state)
    const tables: GPUBuffer[] = []
    const dispatches: Ready[] = []
    for (const dispatch of this.#plan.dispatches)
      dispatches.push(
        ...(this.#stateless.get(dispatch) ?? (await ready(this.#gpu, this.#plan, dispatch, locate, tables))),
      )
    const copies = Object.entries(this.#plan.copies).map(([name, view]): Copy => {
      const bytes = bytesOf(this.#plan.tensors[view.tensor] as Tensor)
      return { from: locate.tensor(view.tensor), to: locate.slot(name), bytes }
    })
    const results = this.#results.map(({ view, offset }) => {
      const bytes = bytesOf(this.#plan.tensors[view.tensor] as Tensor)
      return { from: locate.tensor(view.tensor), offset, bytes }
    })
    return { dispatches, copies, results, tables }
  }

  /** Uploads packed values and copies those that are on the device, encodes and submits one run. */
  #submit(
    { dispatches, copies, results }: Bound,
    packed: ArrayBuffer,
    given: readonly Copy[],
    targets: readonly GPUBuffer[],
    timing: Timing | undefined,
  ): void {
    const { device } = this.#gpu
    if (packed.byteLength > 0) device.queue.writeBuffer(this.#inputs.buffer, 0, packed)
    const encoder = device.createCommandEncoder()
    for (const { from, to, bytes } of given)
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes)
    if (timing) timing.encode(encoder, dispatches)
    else if (dispatches.length > 0) {
      const pass = encoder.beginComputePass()
      for (const { pipeline, group, grid } of dispatches) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
      }
      pass.end()
    }
    for (const { from, to, bytes } of copies)
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes)
    const [together] = targets
    results.forEach(({ from, offset, bytes }, i) => {
      const [buffer, at] = targets.length === results.length ? [targets[i], 0] : [together, offset]
      encoder.copyBufferToBuffer(from.buffer, from.offset, buffer as GPUBuffer, at, bytes)
    })
    device.queue.submit([encoder.finish()])
  }

  #check(inputs: DeviceInputs, state: State | undefined): GpuState | undefined {
    if (this.#disposed) fail("the program has been disposed of")
    this.#gpu.check()
    for (const [name, value] of Object.entries(this.#graph.inputs)) {
      const type = this.#graph.values[value] as TensorType
      const data = inputs[name]
      if (!(data instanceof GPUBuffer)) checked(`input "${name}"`, data, type)
      else if (data.size < 4 * sizeOf(type.shape as readonly number[]))
        fail(
          `input "${name}" needs ${4 * sizeOf(type.shape as readonly number[])} bytes for ${showShape(type.shape)}, got ${data.size}`,
        )
    }
    if (state !== undefined && !(state instanceof GpuState)) return fail("the state was made by another backend")
    if (state !== undefined && state.gpu !== this.#gpu) return fail("the state lies on another device")
    for (const name of this.#slotNames) {
      if (state === undefined) return fail(`no state slot "${name}"`)
      const { type } = state.slot(name)
      const wanted = this.#graph.values[this.#graph.states[name] ?? this.#graph.updates[name] ?? -1] as TensorType
      if (!sameShape(type.shape, wanted.shape) || stored(type.dtype) !== stored(wanted.dtype))
        fail(
          `state "${name}" is ${type.dtype}${showShape(type.shape)}, the graph wants ${wanted.dtype}${showShape(wanted.shape)}`,
        )
    }
    return this.#slotNames.length === 0 ? undefined : state
  }

  /** Runs to the point where the device has everything; the results go to `targets`, one each, or all to one. */
  async #start(inputs: DeviceInputs, state: State | undefined, targets: readonly GPUBuffer[]): Promise<void> {
    const gpu = this.#gpu
    const slots = this.#check(inputs, state)
    const known = this.#bound.get(slots ?? this)
    const timing = gpu.profiler && new Timing(gpu)
    const given = [...this.#inputs.at].flatMap(([tensor, offset]): Copy[] => {
      const { name, ...type } = this.#plan.tensors[tensor] as Tensor
      const data = inputs[name as string]
      if (!(data instanceof GPUBuffer)) return []
      const to = { buffer: this.#inputs.buffer, offset }
      return [{ from: { buffer: data, offset: 0 }, to, bytes: 4 * sizeOf(type.shape) }]
    })
    if (known) {
      // Nothing is waited for between the values' way into the staging memory and their way to the device.
      this.#submit(known, this.#pack(inputs, this.#inputs.staging), given, targets, timing)
      await timing?.report()
      return
    }
    // The arrays are the caller's again as soon as anything is waited for.
    const packed = this.#pack(inputs, this.#inputs.staging.slice())
    const bound = await this.#bindOnce(slots ?? this, slots)
    await gpu.guarded("the first run failed", () => this.#submit(bound, packed, given, targets, timing))
    await timing?.report()
  }

  async run(inputs: Readonly<Record<string, HostData>>, state?: State): Promise<Readonly<Record<string, HostTensor>>> {
    const gpu = this.#gpu
    if (this.#resultBytes === 0) {
      await this.#start(inputs, state, [])
      await gpu.settled(gpu.device.queue.onSubmittedWorkDone())
      return {}
    }
    const readback = gpu.takeReadback(this.#resultBytes)
    try {
      await this.#start(inputs, state, [readback])
      await gpu.settled(readback.mapAsync(GPUMapMode.READ, 0, this.#resultBytes))
      const bytes = readback.getMappedRange(0, this.#resultBytes)
      const results = this.#results.map(({ name, type, offset }): [string, HostTensor] => {
        const shape = type.shape as readonly number[]
        return [name, { data: unpack(bytes, offset, sizeOf(shape), stored(type.dtype)), shape }]
      })
      readback.unmap()
      return Object.fromEntries(results)
    } finally {
      gpu.giveReadback(readback)
    }
  }

  /**
   * `run` with inputs and results on the device: buffers of float32, int32, or u32 of 0 and 1, that the caller owns. It
   * is done when the work has been submitted.
   */
  async runOnDevice(inputs: DeviceInputs, state?: State): Promise<Readonly<Record<string, DeviceTensor>>> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const made = this.#results.map(({ name, view, type }): [string, DeviceTensor] => {
      const buffer = this.#gpu.buffer(name, bytesOf(this.#plan.tensors[view.tensor] as Tensor), usage)
      return [name, { buffer, shape: type.shape as readonly number[], dtype: stored(type.dtype) }]
    })
    try {
      const targets = made.map(([, { buffer }]) => buffer)
      await this.#start(inputs, state, targets)
      return Object.fromEntries(made)
    } catch (error) {
      for (const [, { buffer }] of made) buffer.destroy()
      throw error
    }
  }

  #pack(inputs: DeviceInputs, into: ArrayBuffer): ArrayBuffer {
    for (const [tensor, offset] of this.#inputs.at) {
      const data = inputs[this.#plan.tensors[tensor]?.name as string] as HostData | GPUBuffer
      if (!(data instanceof GPUBuffer)) pack(data, into, offset)
    }
    return into
  }

  #bindOnce(key: object, state: GpuState | undefined): Promise<Bound> {
    const known = this.#binding.get(key)
    if (known) return known
    const made = this.#gpu
      .guarded("the program does not fit its state", () => this.#bind(state))
      .then((bound) => {
        this.#bound.set(key, bound)
        state?.onDispose(() => {
          this.#bound.delete(key)
          for (const table of bound.tables) table.destroy()
        })
        return bound
      })
      .finally(() => this.#binding.delete(key))
    this.#binding.set(key, made)
    return made
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    const tables = [...this.#bound.values()].flatMap((bound) => bound.tables)
    this.#bound.clear()
    for (const buffer of [...this.#arenas, this.#inputs.buffer, this.#constants.buffer, ...this.#tables, ...tables])
      buffer.destroy()
  }
}

/** The bits of float16, in whole words. */
function narrowed(data: Float32Array | Int32Array, name: string = "constant"): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(2 * Math.ceil(data.length / 2))
  bits.set(float16Bits(data as Float32Array, name))
  return bits
}

function checkSizes(plan: Plan, { largest }: PlanLimits): void {
  for (const tensor of plan.tensors)
    if (tensor.place !== "literal" && bytesOf(tensor) > largest)
      fail(
        `a value of [${tensor.shape.join(", ")}] takes ${megabytes(bytesOf(tensor))}, and this device binds at most ${megabytes(largest)}: lower the batch size, and accumulate in training`,
      )
}
