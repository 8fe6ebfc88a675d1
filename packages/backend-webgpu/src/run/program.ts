import type { HostData, HostTensor, Program, State } from "@vitrine/core"
import { type BoundGraph, elementCount, sameShape, showShape, typeOf } from "@vitrine/core/backend"
import { type Dispatch, type Plan, touched } from "../plan/plan.ts"
import { bytesOf, type HostDType, hostDType, type Tensor } from "../plan/tensor.ts"
import { compiled, type Place, type Ready, ready } from "./bind.ts"
import { fail, type Gpu } from "./gpu.ts"
import { checked, pack, unpack } from "./host.ts"
import { memoryBytes, ProgramMemory } from "./memory.ts"
import { GpuState } from "./state.ts"
import { Timing } from "./timing.ts"

interface Copy {
  readonly from: Place
  readonly to: Place
  readonly bytes: number
}

/** A result and its place. */
interface ResultPlace {
  readonly from: Place
  /** The offset in the buffer that the host reads. */
  readonly offset: number
  readonly bytes: number
}

/** The objects that a run with one state encodes. */
interface Bound {
  readonly dispatches: readonly Ready[]
  readonly copies: readonly Copy[]
  readonly results: readonly ResultPlace[]
  readonly tables: readonly GPUBuffer[]
}

interface Result {
  readonly name: string
  readonly tensor: Tensor
  readonly shape: readonly number[]
  readonly dtype: HostDType
  /** The offset in the buffer that the host reads. */
  readonly offset: number
}

/** Values on the host, or buffers on the device that hold float32, int32, or u32 for bools. */
export type DeviceInputs = Readonly<Record<string, HostData | GPUBuffer>>

/** A dense tensor on the device. Its buffer may be larger. */
export interface DeviceTensor {
  readonly buffer: GPUBuffer
  readonly shape: readonly number[]
  readonly dtype: HostDType
}

/** The resources that a program needs on the device. */
export interface ProgramCost {
  readonly dispatches: number
  /** The size of the program's memory: values between kernels, inputs and constants. */
  readonly bytes: number
  /** The label of each dispatch. */
  readonly kernels: readonly string[]
}

/** A compiled graph on a device. */
export class GpuProgram implements Program {
  readonly #gpu: Gpu
  readonly #graph: BoundGraph
  readonly #plan: Plan
  readonly #memory: ProgramMemory
  /** The inputs before their upload. */
  readonly #staging: ArrayBuffer
  readonly #results: readonly Result[]
  readonly #resultBytes: number
  /** The slots that the program reads or writes. */
  readonly #slotNames: ReadonlySet<string>
  /** The bound objects of each state. A program without state uses itself as the key. */
  readonly #bound = new Map<object, Bound>()
  readonly #binding = new Map<object, Promise<Bound>>()
  /** The dispatches that bind no slot. All states share them. */
  #stateless: ReadonlyMap<Dispatch, readonly Ready[]> = new Map()
  readonly #tables: GPUBuffer[] = []
  #disposed = false

  constructor(gpu: Gpu, graph: BoundGraph, plan: Plan) {
    this.#gpu = gpu
    this.#graph = graph
    this.#plan = plan
    this.#memory = new ProgramMemory(gpu, plan)
    this.#staging = new ArrayBuffer(this.#memory.inputs.bytes)
    let offset = 0
    this.#results = Object.entries(plan.outputs).map(([name, { tensor }]) => {
      const { shape, dtype } = typeOf(graph, graph.outputs[name] ?? -1)
      const result = { name, tensor, shape, dtype: hostDType(dtype), offset }
      offset += bytesOf(tensor)
      return result
    })
    this.#resultBytes = offset
    const read = plan.tensors.flatMap((tensor) => (tensor.place === "state" ? [tensor.name] : []))
    this.#slotNames = new Set([...read, ...Object.keys(graph.updates)])
  }

  get device(): GPUDevice {
    return this.#gpu.device
  }

  get cost(): ProgramCost {
    const { dispatches } = this.#plan
    const kernels = dispatches.map((dispatch) => (dispatch.kind === "kernel" ? dispatch.kernel.label : dispatch.kind))
    return { dispatches: dispatches.length, bytes: memoryBytes(this.#plan), kernels }
  }

  /** Compiles all kernels, and binds the tensors of those that use no slot. */
  async prepare(): Promise<void> {
    const gpu = this.#gpu
    const locate = this.#memory.locator(undefined)
    const stateless = new Map<Dispatch, readonly Ready[]>()
    await Promise.all(
      this.#plan.dispatches.map(async (dispatch) => {
        if (!needsState(dispatch)) stateless.set(dispatch, await ready(gpu, dispatch, locate, this.#tables))
        else if (dispatch.kind === "kernel") await compiled(gpu, dispatch.kernel)
      }),
    )
    this.#stateless = stateless
  }

  async #bind(state: GpuState | undefined): Promise<Bound> {
    const locate = this.#memory.locator(state)
    const tables: GPUBuffer[] = []
    const dispatches: Ready[] = []
    for (const dispatch of this.#plan.dispatches)
      dispatches.push(...(this.#stateless.get(dispatch) ?? (await ready(this.#gpu, dispatch, locate, tables))))
    const copies = Object.entries(this.#plan.copies).map(
      ([name, { tensor }]): Copy => ({
        from: locate.tensor(tensor),
        to: locate.slot(name),
        bytes: bytesOf(tensor),
      }),
    )
    const results = this.#results.map(({ tensor, offset }) => ({
      from: locate.tensor(tensor),
      offset,
      bytes: bytesOf(tensor),
    }))
    return { dispatches, copies, results, tables }
  }

  /**
   * Uploads packed values, copies inputs that are already on the device, then encodes and submits one run.
   * @param targets one buffer for each result, or one for all
   */
  #submit(
    { dispatches, copies, results }: Bound,
    packed: ArrayBuffer,
    inputCopies: readonly Copy[],
    targets: readonly GPUBuffer[],
    timing: Timing | undefined,
  ): void {
    const { device } = this.#gpu
    if (packed.byteLength > 0) device.queue.writeBuffer(this.#memory.inputBuffer, 0, packed)
    const encoder = device.createCommandEncoder()
    const copy = ({ from, to, bytes }: Copy): void =>
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes)
    for (const entry of inputCopies) copy(entry)
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
    for (const entry of copies) copy(entry)
    const isShared = targets.length !== results.length
    for (const [i, { from, offset, bytes }] of results.entries()) {
      const buffer = targets[isShared ? 0 : i]
      if (buffer !== undefined) copy({ from, to: { buffer, offset: isShared ? offset : 0 }, bytes })
    }
    device.queue.submit([encoder.finish()])
  }

  /** @throws VitrineError (backend) for inputs and slots that do not fit the graph */
  #check(inputs: DeviceInputs, state: State | undefined): GpuState | undefined {
    if (this.#disposed) fail("the program has been disposed of")
    this.#gpu.check()
    for (const [name, value] of Object.entries(this.#graph.inputs)) {
      const type = typeOf(this.#graph, value)
      const data = inputs[name]
      const bytes = 4 * elementCount(type.shape)
      if (!(data instanceof GPUBuffer)) checked(`input "${name}"`, data, type)
      else if (data.size < bytes)
        fail(`input "${name}" needs ${bytes} bytes for ${showShape(type.shape)}, got ${data.size}`)
    }
    if (state !== undefined && !(state instanceof GpuState)) return fail("the state was made by another backend")
    if (state !== undefined && state.gpu !== this.#gpu) return fail("the state lies on another device")
    for (const name of this.#slotNames) {
      if (state === undefined) return fail(`no state slot "${name}"`)
      const { type } = state.slot(name)
      const expected = typeOf(this.#graph, this.#graph.states[name] ?? this.#graph.updates[name] ?? -1)
      if (!sameShape(type.shape, expected.shape) || hostDType(type.dtype) !== hostDType(expected.dtype))
        fail(
          `state "${name}" is ${type.dtype}${showShape(type.shape)}, the graph wants ${expected.dtype}${showShape(expected.shape)}`,
        )
    }
    return this.#slotNames.size === 0 ? undefined : state
  }

  /**
   * Runs until the device has all commands.
   * @param targets buffers for the results: one each, or one for all
   */
  async #start(inputs: DeviceInputs, state: State | undefined, targets: readonly GPUBuffer[]): Promise<void> {
    const gpu = this.#gpu
    const slots = this.#check(inputs, state)
    const key = slots ?? this
    const cached = this.#bound.get(key)
    const timing = gpu.profiler && new Timing(gpu)
    const copies = this.#inputCopies(inputs)
    if (cached) {
      // The staging memory is free again when this synchronous part ends.
      this.#submit(cached, this.#pack(inputs, this.#staging), copies, targets, timing)
      await timing?.report()
      return
    }
    // The caller may change the arrays during the next await, so they are copied now.
    const packed = this.#pack(inputs, this.#staging.slice())
    const bound = await this.#bindOnce(key, slots)
    await gpu.guarded("the first run failed", () => this.#submit(bound, packed, copies, targets, timing))
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
      const results = this.#results.map(({ name, shape, dtype, offset }): [string, HostTensor] => [
        name,
        { data: unpack(bytes, offset, elementCount(shape), dtype), shape },
      ])
      readback.unmap()
      return Object.fromEntries(results)
    } finally {
      gpu.giveReadback(readback)
    }
  }

  /**
   * `run` with inputs and results on the device, in buffers of float32, int32, or u32 of 0 and 1. The caller owns the
   * buffers. It resolves when the work has been submitted.
   */
  async runOnDevice(inputs: DeviceInputs, state?: State): Promise<Readonly<Record<string, DeviceTensor>>> {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const results = this.#results.map(({ name, tensor, shape, dtype }): [string, DeviceTensor] => [
      name,
      { buffer: this.#gpu.buffer(name, bytesOf(tensor), usage), shape, dtype },
    ])
    const buffers = results.map(([, { buffer }]) => buffer)
    try {
      await this.#start(inputs, state, buffers)
      return Object.fromEntries(results)
    } catch (error) {
      for (const buffer of buffers) buffer.destroy()
      throw error
    }
  }

  /** Writes the inputs from the host into memory in the device's format. */
  #pack(inputs: DeviceInputs, into: ArrayBuffer): ArrayBuffer {
    for (const [{ name }, offset] of this.#memory.inputs.offsets) {
      const data = inputs[name]
      if (data !== undefined && !(data instanceof GPUBuffer)) pack(data, into, offset)
    }
    return into
  }

  /** The copies of inputs that are on the device. */
  #inputCopies(inputs: DeviceInputs): Copy[] {
    return [...this.#memory.inputs.offsets].flatMap(([{ name, shape }, offset]): Copy[] => {
      const buffer = inputs[name]
      if (!(buffer instanceof GPUBuffer)) return []
      const to = { buffer: this.#memory.inputBuffer, offset }
      return [{ from: { buffer, offset: 0 }, to, bytes: 4 * elementCount(shape) }]
    })
  }

  #bindOnce(key: object, state: GpuState | undefined): Promise<Bound> {
    const cached = this.#binding.get(key)
    if (cached) return cached
    const binding = this.#gpu
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
    this.#binding.set(key, binding)
    return binding
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    const tables = [...this.#bound.values()].flatMap((bound) => bound.tables)
    this.#bound.clear()
    this.#memory.destroy()
    for (const table of [...this.#tables, ...tables]) table.destroy()
  }
}

function needsState(dispatch: Dispatch): boolean {
  return dispatch.kind === "late" || touched(dispatch).reads.some(({ place }) => place === "state")
}
