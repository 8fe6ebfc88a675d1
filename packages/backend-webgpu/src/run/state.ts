import type { HostData, State, TensorType } from "@vitrine/core"
import { bindDim, elementCount } from "@vitrine/core/backend"
import { aligned } from "../plan/memory.ts"
import { bytesOf, hostDType } from "../plan/tensor.ts"
import { fail, type Gpu, megabytes } from "./gpu.ts"
import { checked, pack, unpack } from "./host.ts"

/** The place of a slot on the device. */
export interface Slot {
  readonly type: TensorType
  readonly buffer: GPUBuffer
  /** The offset in bytes. */
  readonly offset: number
  readonly bytes: number
}

/** Slots that share a buffer, and the buffer's size. */
interface Chunk {
  readonly slots: [name: string, slot: Omit<Slot, "buffer">][]
  bytes: number
}

/** Distributes slots over as few buffers as possible. */
function chunksOf(slots: Readonly<Record<string, TensorType>>, largest: number): Chunk[] {
  const chunks: Chunk[] = []
  for (const [name, type] of Object.entries(slots)) {
    const shape = type.shape.map((dim) => bindDim(dim))
    const bytes = aligned(bytesOf({ shape, dtype: hostDType(type.dtype) }))
    if (bytes > largest)
      fail(
        `state "${name}" takes ${megabytes(bytes)}, and this device's largest buffer is ${megabytes(largest)}: take a smaller model`,
      )
    let chunk = chunks.at(-1)
    if (chunk === undefined || chunk.bytes + bytes > largest) {
      chunk = { slots: [], bytes: 0 }
      chunks.push(chunk)
    }
    chunk.slots.push([name, { type, offset: chunk.bytes, bytes }])
    chunk.bytes += bytes
  }
  return chunks
}

/** The state of programs on a device. Its slots are in a few buffers. */
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
    const chunks = chunksOf(slots, largest)
    const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0)
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const places = new Map<string, Slot>()
    const buffers = await gpu.guarded(`a state of ${megabytes(total)} does not fit`, () =>
      chunks.map(({ bytes, slots: parts }, i) => {
        const buffer = gpu.buffer(`state ${i}`, bytes, usage)
        for (const [name, slot] of parts) places.set(name, { ...slot, buffer })
        return buffer
      }),
    )
    const state = new GpuState(gpu, slots, places, buffers)
    for (const [name, values] of Object.entries(data)) state.#upload(state.slot(name), values)
    return state
  }

  /** @throws VitrineError if there is no such slot */
  slot(name: string): Slot {
    if (this.#disposed) fail("the state has been disposed of")
    return this.#places.get(name) ?? fail(`no state slot "${name}"`)
  }

  /** Adds a function that is called when the state is disposed of. */
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
    const values = unpack(readback.getMappedRange(0, bytes), 0, elementCount(type.shape), hostDType(type.dtype))
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
      queue.writeBuffer(buffer, offset, data)
      return
    }
    const packed = new ArrayBuffer(data.length * 4)
    pack(data, packed, 0)
    queue.writeBuffer(buffer, offset, packed)
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    for (const dispose of this.#disposers) dispose()
    for (const buffer of this.#buffers) buffer.destroy()
  }
}
