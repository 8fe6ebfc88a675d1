import type { Ready } from "./bind.ts"
import type { Gpu } from "./gpu.ts"

/** Measures the kernels of one run with the device's clock. Each kernel runs in a separate pass. */
export class Timing {
  readonly #gpu: Gpu
  #labels: readonly string[] = []
  #queries: GPUQuerySet | undefined
  #times: GPUBuffer | undefined
  #readback: GPUBuffer | undefined

  constructor(gpu: Gpu) {
    this.#gpu = gpu
  }

  encode(encoder: GPUCommandEncoder, dispatches: readonly Ready[]): void {
    if (dispatches.length === 0) return
    const { device } = this.#gpu
    const count = 2 * dispatches.length
    const querySet = device.createQuerySet({ type: "timestamp", count })
    dispatches.forEach(({ pipeline, group, grid }, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 }
      const pass = encoder.beginComputePass({ timestampWrites })
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2])
      pass.end()
    })
    const times = this.#gpu.buffer("times", 8 * count, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC)
    const readback = this.#gpu.takeReadback(8 * count)
    encoder.resolveQuerySet(querySet, 0, count, times, 0)
    encoder.copyBufferToBuffer(times, 0, readback, 0, 8 * count)
    this.#labels = dispatches.map(({ label }) => label)
    this.#queries = querySet
    this.#times = times
    this.#readback = readback
  }

  /** Waits for the run, and gives its times to the profiler. */
  async report(): Promise<void> {
    const readback = this.#readback
    if (readback === undefined) return
    const bytes = 16 * this.#labels.length
    await this.#gpu.settled(readback.mapAsync(GPUMapMode.READ, 0, bytes))
    const nanoseconds = new BigUint64Array(readback.getMappedRange(0, bytes).slice(0))
    readback.unmap()
    this.#gpu.giveReadback(readback)
    this.#queries?.destroy()
    this.#times?.destroy()
    this.#gpu.profiler?.(
      this.#labels.map((kernel, i) => {
        const [from = 0n, to = 0n] = nanoseconds.subarray(2 * i)
        return { kernel, milliseconds: to > from ? Number(to - from) / 1e6 : 0 }
      }),
    )
  }
}
