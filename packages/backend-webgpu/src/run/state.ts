import type { HostData, State, TensorType } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import { aligned } from "../plan/memory.ts"
import { bytesOf, stored } from "../plan/tensor.ts"
import { fail, type Gpu, megabytes } from "./gpu.ts"
import { checked, pack, unpack } from "./host.ts"

export interface Slot {
  readonly type: TensorType
  readonly buffer: GPUBuffer
  /** In bytes. */
  readonly offset: number
  readonly bytes: number
}

/** Slots side by side in as few buffers as their sizes allow. */
export class GpuState implements State {
  readonly slots: Readonly<Record<string, TensorType>>
  readonly gpu: Gpu
  readonly #places: ReadonlyMap<string, Slot>
  readonly #buffers: readonly GPUBuffer[]
  readonly #disposers: (() => void)[] = []
  #disposed = false

  private constructor(
    gpu: Gpu,
    slots: Readonly<Record<string, TensorType>>,
    places: ReadonlyMap<string, Slot>,
    buffers: readonly GPUBuffer[],
  ) {
    this.gpu = gpu
    this.slots = slots
    this.#places = places
    this.#buffers = buffers
  }

  static async create(
    gpu: Gpu,
    slots: Readonly<Record<string, TensorType>>,
    data: Readonly<Record<string, HostData>>,
    largest: number,
  ): Promise<GpuState> {
    for (const [name, values] of Object.entries(data)) {
      const type = Object.hasOwn(slots, name) ? slots[name] : undefined
      checked(`state "${name}"`, values, type ?? fail(`no state slot "${name}"`))
    }
    const sizes: number[] = []
    const where = new Map<string, { type: TensorType; buffer: number; offset: number; bytes: number }>()
    for (const [name, type] of Object.entries(slots)) {
      const bytes = aligned(bytesOf({ shape: type.shape as readonly number[], dtype: stored(type.dtype) }))
      if (bytes > largest)
        fail(
          `state "${name}" takes ${megabytes(bytes)}, and this device's largest buffer is ${megabytes(largest)}: take a smaller model`,
        )
      if (sizes.length === 0 || (sizes.at(-1) as number) + bytes > largest) sizes.push(0)
      where.set(name, { type, buffer: sizes.length - 1, offset: sizes.at(-1) as number, bytes })
      sizes[sizes.length - 1] = (sizes.at(-1) as number) + bytes
    }
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const buffers = await gpu.guarded(`a state of ${megabytes(total)} does not fit`, () =>
      sizes.map((size, i) => gpu.buffer(`state ${i}`, size, usage)),
    )
    const places = new Map(
      [...where].map(([name, { buffer, ...rest }]) => [name, { ...rest, buffer: buffers[buffer] as GPUBuffer }]),
    )
    const state = new GpuState(gpu, slots, places, buffers)
    for (const [name, values] of Object.entries(data)) state.#upload(state.slot(name), values)
    return state
  }

  /** @throws VitrineError where there is no such slot. */
  slot(name: string): Slot {
    if (this.#disposed) fail("the state has been disposed of")
    return this.#places.get(name) ?? fail(`no state slot "${name}"`)
  }

  /** What hangs on these buffers goes with them. */
  onDispose(dispose: () => void): void {
    this.#disposers.push(dispose)
  }

  async read(name: string): Promise<HostData> {
    const { type, buffer, offset, bytes } = this.slot(name)
    const { gpu } = this
    gpu.check()
    const readback = gpu.takeReadback(bytes)
    const encoder = gpu.device.createCommandEncoder()
    encoder.copyBufferToBuffer(buffer, offset, readback, 0, bytes)
    gpu.device.queue.submit([encoder.finish()])
    await gpu.settled(readback.mapAsync(GPUMapMode.READ, 0, bytes))
    const values = unpack(readback.getMappedRange(0, bytes), 0, elementCount(type.shape), stored(type.dtype))
    readback.unmap()
    gpu.giveReadback(readback)
    return values
  }

  async write(name: string, data: HostData): Promise<void> {
    const slot = this.slot(name)
    this.gpu.check()
    this.#upload(slot, checked(`state "${name}"`, data, slot.type))
  }

  #upload({ buffer, offset }: Slot, data: HostData): void {
    const { queue } = this.gpu.device
    if (data instanceof Float32Array && data.buffer instanceof ArrayBuffer) {
      queue.writeBuffer(buffer, offset, data as Float32Array<ArrayBuffer>)
      return
    }
    const packed = new ArrayBuffer(data.length * 4)
    pack(data, packed, 0)
    queue.writeBuffer(buffer, offset, packed)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    for (const each of this.#disposers) each()
    for (const buffer of this.#buffers) buffer.destroy()
  }
}
