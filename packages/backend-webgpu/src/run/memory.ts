import { float16Bits } from "@vitrine/core/backend"
import { inARow, type Plan, type Row } from "../plan/plan.ts"
import type { ConstantTensor, InputTensor, Tensor } from "../plan/tensor.ts"
import type { Locator, Place } from "./bind.ts"
import type { Gpu } from "./gpu.ts"
import type { GpuState } from "./state.ts"

/** The memory of a program on a device: values between its kernels, inputs and constants. */
export class ProgramMemory {
  readonly inputs: Row<InputTensor>
  readonly inputBuffer: GPUBuffer
  readonly #places = new Map<Tensor, Place>()
  readonly #buffers: readonly GPUBuffer[]

  constructor(gpu: Gpu, plan: Plan) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const arenas = plan.memory.arenas.map((bytes, i) => gpu.buffer(`values ${i}`, bytes, usage))
    this.inputs = inputsOf(plan)
    this.inputBuffer = gpu.buffer("inputs", this.inputs.bytes, usage)
    const constants = constantsOf(plan)
    const constantBuffer = gpu.buffer("constants", constants.bytes, usage)
    this.#buffers = [...arenas, this.inputBuffer, constantBuffer]
    for (const [tensor, { arena, offset }] of plan.memory.places) {
      const buffer = arenas[arena]
      if (buffer !== undefined) this.#places.set(tensor, { buffer, offset })
    }
    for (const [tensor, offset] of this.inputs.offsets) this.#places.set(tensor, { buffer: this.inputBuffer, offset })
    for (const [tensor, offset] of constants.offsets) {
      this.#places.set(tensor, { buffer: constantBuffer, offset })
      gpu.device.queue.writeBuffer(constantBuffer, offset, storedData(tensor))
    }
  }

  /** A function that finds the place of a tensor. Slots are in a state, so they need one. */
  locator(state: GpuState | undefined): Locator {
    const slot = (name: string): Place => {
      if (state === undefined) throw new Error(`slot "${name}" has no place without a state`)
      return state.slot(name)
    }
    const tensor = (tensor: Tensor): Place => {
      if (tensor.place === "state") return slot(tensor.name)
      const place = this.#places.get(tensor)
      if (place === undefined) throw new Error(`a ${tensor.place} tensor of [${tensor.shape}] has no place`)
      return place
    }
    return { tensor, slot }
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy()
  }
}

const inputsOf = ({ tensors }: Plan): Row<InputTensor> => inARow(tensors.filter((tensor) => tensor.place === "input"))

const constantsOf = ({ tensors }: Plan): Row<ConstantTensor> =>
  inARow(tensors.filter((tensor) => tensor.place === "constant"))

/** The size in bytes of a program's memory, without its states. */
export function memoryBytes(plan: Plan): number {
  const arenas = plan.memory.arenas.reduce((sum, bytes) => sum + bytes, 0)
  return arenas + inputsOf(plan).bytes + constantsOf(plan).bytes
}

/** A constant's data in the device's format. The bits of float16 fill whole words. */
function storedData({ dtype, data, name = "constant" }: ConstantTensor): Float32Array | Int32Array | Uint16Array {
  if (dtype !== "float16" || !(data instanceof Float32Array)) return data
  const bits = new Uint16Array(2 * Math.ceil(data.length / 2))
  bits.set(float16Bits(data, name))
  return bits
}
