import { VitrineError } from "@vitrine/core"

/** @throws VitrineError (backend), always */
export function fail(message: string, cause?: unknown): never {
  throw new VitrineError("backend", `webgpu: ${message}`, cause === undefined ? undefined : { cause })
}

/** The message of any thrown value. */
export const messageOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error)

/** Joins the lines of a text. */
export const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ").trim()

export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`

/** Objects that are made once for a device. */
interface Shared {
  readonly pipelines: Map<string, Promise<GPUComputePipeline>>
  readonly layouts: Map<string, GPUBindGroupLayout>
}

/** The shared objects of each device. All backends on a device use them. */
const sharedBy = new WeakMap<GPUDevice, Shared>()

/** The time of a kernel on the device. */
export interface KernelTime {
  readonly kernel: string
  readonly milliseconds: number
}

/** Receives the times of all kernels of a run, in order. */
export type Profiler = (times: readonly KernelTime[]) => void

/** A device with its pipelines and layouts. It stores the first error, and every later call throws that error. */
export class Gpu {
  readonly device: GPUDevice
  readonly limits: GPUSupportedLimits
  readonly profiler: Profiler | undefined
  readonly #pipelines: Map<string, Promise<GPUComputePipeline>>
  readonly #layouts: Map<string, GPUBindGroupLayout>
  readonly #freeReadbacks: GPUBuffer[] = []
  readonly #onError: (event: Event) => void
  #failure: VitrineError | undefined
  #closed = false

  constructor(device: GPUDevice, profiler?: Profiler) {
    this.device = device
    this.profiler = profiler
    this.limits = device.limits
    const { pipelines, layouts } = sharedBy.get(device) ?? { pipelines: new Map(), layouts: new Map() }
    sharedBy.set(device, { pipelines, layouts })
    this.#pipelines = pipelines
    this.#layouts = layouts
    this.#onError = (event) => {
      if (!(event instanceof GPUUncapturedErrorEvent)) return
      event.preventDefault()
      this.#failure ??= new VitrineError("backend", `webgpu: ${oneLine(event.error.message)}`)
    }
    device.addEventListener("uncapturederror", this.#onError)
    void this.#watch()
  }

  async #watch(): Promise<void> {
    const { reason, message } = await this.device.lost
    if (this.#closed) return
    const why = [reason, oneLine(message)].filter((each) => each !== "" && each !== "unknown").join(": ")
    this.#failure = new VitrineError(
      "device",
      `webgpu: the device was lost${why && ` (${why})`}; make a new backend and go on from the last checkpoint`,
    )
  }

  /** @throws VitrineError for the first error of the device, after which its values cannot be trusted */
  check(): void {
    if (this.#closed) fail("the backend has been closed")
    if (this.#failure) throw this.#failure
  }

  /**
   * Waits for the device.
   * @throws VitrineError with the reason if the work fails
   */
  async settled<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work
      this.check()
      return result
    } catch (error) {
      if (VitrineError.isInstance(error)) throw error
      // The promise that reports a lost device may settle after the promises that fail because of it.
      await new Promise((resolve) => setTimeout(resolve, 0))
      this.check()
      return fail(oneLine(messageOf(error)), error)
    }
  }

  /**
   * Runs work in error scopes.
   * @throws VitrineError (backend) for the first error of the device; its message begins with `what` and ends with
   *   `help`
   */
  async guarded<T>(subject: string, work: () => T | Promise<T>, help: string = ""): Promise<T> {
    const { device } = this
    this.check()
    const filters = ["validation", "out-of-memory", "internal"] as const
    for (const filter of filters) device.pushErrorScope(filter)
    let result: T | Promise<T>
    const scopes = (): Promise<GPUError | null>[] => filters.map(() => device.popErrorScope())
    try {
      result = work()
    } catch (error) {
      await Promise.allSettled(scopes())
      if (VitrineError.isInstance(error)) throw error
      return fail(`${subject}: ${oneLine(messageOf(error))}`, error)
    }
    const errors = scopes()
    const settled = await this.settled(Promise.all(errors))
    const first = settled.find((error) => error !== null)
    if (first) {
      if (result instanceof Promise) await result.catch(() => {})
      fail(`${subject}: ${oneLine(first.message)}${help}`)
    }
    return await result
  }

  /** The layout of bindings. `access` has an r or w for each. */
  layout(access: string): GPUBindGroupLayout {
    const cached = this.#layouts.get(access)
    if (cached) return cached
    const layout = this.device.createBindGroupLayout({
      label: access,
      entries: access.split("").map((each, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: each === "r" ? "read-only-storage" : "storage" },
      })),
    })
    this.#layouts.set(access, layout)
    return layout
  }

  /** The pipeline of a text. It is compiled once. `access` has an r or w for each binding. */
  async pipeline(label: string, code: string, access: string): Promise<GPUComputePipeline> {
    const cached = this.#pipelines.get(code)
    if (cached) return cached
    const pipeline = this.#compile(label, code, access)
    this.#pipelines.set(code, pipeline)
    pipeline.catch(() => this.#pipelines.delete(code))
    return pipeline
  }

  async #compile(label: string, code: string, access: string): Promise<GPUComputePipeline> {
    const { device } = this
    let module: GPUShaderModule | undefined
    try {
      return await this.guarded(`the kernel ${label} was refused`, () => {
        module = device.createShaderModule({ label, code })
        const layout = device.createPipelineLayout({ label, bindGroupLayouts: [this.layout(access)] })
        const compiling = device.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: "main" } })
        // If the module is invalid, the error scope has the better message.
        compiling.catch(() => {})
        return compiling
      })
    } catch (error) {
      this.check()
      if (VitrineError.isInstance(error)) throw error
      return fail(`the kernel ${label} was refused: ${oneLine(messageOf(error))}`, error)
    }
  }

  buffer(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.device.createBuffer({ label, size: Math.max(16, size), usage })
  }

  /** Takes a buffer of at least `bytes` that the host can read. `giveReadback` returns it for later calls. */
  takeReadback(bytes: number): GPUBuffer {
    const fitting = this.#freeReadbacks.filter(({ size }) => size >= bytes).sort((a, b) => a.size - b.size)[0]
    if (fitting === undefined || fitting.size > 4 * Math.max(bytes, 65536))
      return this.buffer("readback", bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
    this.#freeReadbacks.splice(this.#freeReadbacks.indexOf(fitting), 1)
    return fitting
  }

  giveReadback(buffer: GPUBuffer): void {
    this.#freeReadbacks.push(buffer)
    // A few buffers are enough. The oldest is destroyed, so that no large one stays for ever.
    if (this.#freeReadbacks.length > 4) this.#freeReadbacks.shift()?.destroy()
  }

  close(destroyDevice: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.device.removeEventListener("uncapturederror", this.#onError)
    for (const buffer of this.#freeReadbacks) buffer.destroy()
    if (destroyDevice) this.device.destroy()
  }
}
