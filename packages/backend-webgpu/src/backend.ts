/// <reference types="@webgpu/types" />
import type { Backend } from "@vitrine/core"
import type { PlanLimits } from "./plan/plan.ts"
import { fail, Gpu, type Profiler } from "./run/gpu.ts"
import { GpuProgram } from "./run/program.ts"
import { createTuner, type TuningStore } from "./run/tune.ts"
import { sideBySide } from "./run/subgroups.ts"
import { GpuState } from "./run/state.ts"

export interface DeviceOptions {
  /** A device to share, such as that of another library; it stays the caller's. */
  readonly device?: GPUDevice
  /** Which adapter is wanted where there are several. */
  readonly powerPreference?: GPUPowerPreference
  /** Whether an adapter that computes on the CPU will do. False by default. */
  readonly software?: boolean
  /**
   * What activations are stored in, and weights that do not change; what is computed with them is float32. float16 takes
   * a device with `shader-f16`, and `lossScaling` in training.
   */
  readonly precision?: "float32" | "float16"
  /**
   * Whether the tiles of matrix products are chosen by measuring, once for each size on a device, and remembered in the
   * user's cache folder, or IndexedDB in pages; by default where it is a GPU.
   */
  readonly autotune?: boolean
  /**
   * Whether kernels are those for GPUs, whose threads share memory, or those for adapters that compute on the CPU; by
   * default after the adapter. Results agree to rounding.
   */
  readonly kernels?: "gpu" | "cpu"
  /**
   * Called after every run with the time that each kernel took, in order; runs are slower for it. It takes a device
   * with `timestamp-query`.
   */
  readonly profile?: Profiler
}

/** Asks for an adapter and a device with all that kernels can use of it. */
export async function openDevice(gpu: GPU | undefined, options: DeviceOptions): Promise<GPUDevice> {
  if (gpu === undefined) return fail("there is no WebGPU here: a browser that has it, or a secure page, is needed")
  const { powerPreference } = options
  const adapter = await gpu.requestAdapter(powerPreference === undefined ? {} : { powerPreference })
  if (adapter === null) return fail("no adapter: this machine has no GPU with a driver that WebGPU knows")
  if (isSoftware(adapter.info) && !options.software)
    return fail(`the only adapter, ${describe(adapter.info)}, computes on the CPU; ask for it by software: true`)
  const wanted: GPUFeatureName[] = ["timestamp-query", "subgroups", "shader-f16"]
  const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature))
  const limits = [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
  ] as const
  const requiredLimits = Object.fromEntries(limits.map((name) => [name, adapter.limits[name]]))
  try {
    return await adapter.requestDevice({ label: "vitrine", requiredFeatures, requiredLimits })
  } catch (error) {
    return fail(`${describe(adapter.info)} gives no device: ${(error as Error).message}`, error)
  }
}

/** Adapters that are no GPU are told by their names, where browsers do not say so. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return computesOnCpu(info) || /null-backend/i.test(describe(info))
}

const computesOnCpu = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(describe(info))

/** An adapter's names, for people. */
export function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const names = [vendor, architecture, device, description].filter((each) => each !== "")
  return [...new Set(names)].join(" ") || "an unnamed adapter"
}

/** What a device can do, as far as kernels care. */
export interface DeviceReport {
  readonly adapter: string
  /** Whether it computes on the CPU. */
  readonly software: boolean
  readonly features: readonly string[]
  /** Largest buffer and largest binding in bytes, buffers of a kernel, bytes and threads of a workgroup. */
  readonly limits: Readonly<
    Record<"buffer" | "binding" | "buffersPerKernel" | "workgroupMemory" | "workgroupThreads", number>
  >
  /** Which kernels it runs: what activations are stored in, how threads add up, how tiles of products are chosen. */
  readonly kernels: Readonly<Record<"storage" | "reductions" | "tiles", string>>
}

export interface WebGpuBackend extends Backend {
  readonly report: DeviceReport
  /** The device itself, for other libraries to share. */
  readonly gpu: GPUDevice
}

function reportOf(
  { adapterInfo, features, limits }: GPUDevice,
  { half, subgroup, cpu }: PlanLimits,
  autotune: boolean,
): DeviceReport {
  return {
    adapter: describe(adapterInfo),
    software: isSoftware(adapterInfo),
    features: [...features].filter((name) => /f16|subgroups|timestamp/.test(name)).sort(),
    limits: {
      buffer: limits.maxBufferSize,
      binding: limits.maxStorageBufferBindingSize,
      buffersPerKernel: limits.maxStorageBuffersPerShaderStage,
      workgroupMemory: limits.maxComputeWorkgroupStorageSize,
      workgroupThreads: limits.maxComputeInvocationsPerWorkgroup,
    },
    kernels: {
      storage: half ? "float16" : "float32",
      reductions: subgroup > 0 ? `subgroups of ${subgroup}` : "workgroup memory",
      tiles: autotune ? "measured" : cpu ? "in registers" : "by size",
    },
  }
}

/** A backend on a device, which `close` leaves as it is if it is the caller's. */
export async function deviceBackend(
  device: GPUDevice,
  { autotune = !isSoftware(device.adapterInfo), device: given, kernels, precision, profile: profiler }: DeviceOptions,
  store: TuningStore,
): Promise<WebGpuBackend> {
  const half = precision === "float16"
  if (half && !device.features.has("shader-f16"))
    fail(`${describe(device.adapterInfo)} has no shader-f16, which storage in float16 needs: use float32`)
  if (profiler && !device.features.has("timestamp-query"))
    fail(`${describe(device.adapterInfo)} has no timestamp-query, by which kernels are timed`)
  const gpu = new Gpu(device, profiler)
  const { limits } = device
  const largest = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize)
  const planLimits: PlanLimits = {
    bindings: limits.maxStorageBuffersPerShaderStage,
    largest: largest - (largest % 256),
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
    half,
    subgroup: await sideBySide(gpu),
    cpu: kernels === undefined ? computesOnCpu(device.adapterInfo) : kernels === "cpu",
  }
  const name = describe(device.adapterInfo)
  const tuner = autotune ? await createTuner(gpu, planLimits, name, store) : undefined
  return {
    name: "webgpu",
    device: name,
    report: reportOf(device, planLimits, autotune),
    gpu: device,
    compile: (graph, options = {}) => GpuProgram.compile(gpu, graph, options, planLimits, tuner),
    createState: (slots, data = {}) => GpuState.create(gpu, slots, data, planLimits.largest),
    close: async () => gpu.close(given === undefined),
  }
}
