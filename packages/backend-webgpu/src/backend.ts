/// <reference types="@webgpu/types" />
import type { Backend } from "@vitrine/core"
import type { PlanLimits } from "./plan/plan.ts"
import { compileProgram } from "./run/compile.ts"
import { fail, Gpu, messageOf, type Profiler } from "./run/gpu.ts"
import { createTuner, type TuningStore } from "./run/tune.ts"
import { sideBySide } from "./run/subgroups.ts"
import { GpuState } from "./run/state.ts"

/** Which device computes. */
export interface DeviceOptions {
  /** A device to share with another library. The caller closes it. */
  readonly device?: GPUDevice
  /** The adapter to prefer if there are several. */
  readonly powerPreference?: GPUPowerPreference
  /** Whether to accept an adapter that computes on the CPU. False by default. */
  readonly software?: boolean
  /**
   * The storage of activations and of constant weights. Kernels compute in float32. float16 needs a device with
   * `shader-f16`, and training with it needs `lossScaling`.
   */
  readonly precision?: "float32" | "float16"
  /**
   * Whether tiles of matrix products are chosen by measurement, once for each size on a device. The results are stored
   * in the user's cache folder, or in IndexedDB in pages. True by default on GPUs.
   */
  readonly autotune?: boolean
  /**
   * The kernels to run: `gpu` for GPUs, whose threads share memory, or `cpu` for adapters that compute on the CPU. The
   * adapter decides by default. The results of both agree up to rounding.
   */
  readonly kernels?: "gpu" | "cpu"
  /**
   * Called after every run with the time of each kernel, in order. It needs a device with `timestamp-query`, and makes
   * runs slower.
   */
  readonly profile?: Profiler
}

/** Opens a device of the preferred adapter, with all features and limits that kernels can use. */
export async function openDevice(gpu: GPU | undefined, options: DeviceOptions): Promise<GPUDevice> {
  if (gpu === undefined) return fail("there is no WebGPU here: a browser that has it, or a secure page, is needed")
  const { powerPreference } = options
  const adapter = await gpu.requestAdapter(powerPreference === undefined ? {} : { powerPreference })
  if (adapter === null) return fail("no adapter: this machine has no GPU with a driver that WebGPU knows")
  if (isSoftware(adapter.info) && !options.software)
    return fail(`the only adapter, ${describe(adapter.info)}, computes on the CPU; ask for it by software: true`)
  const features: GPUFeatureName[] = ["timestamp-query", "subgroups", "shader-f16"]
  const requiredFeatures = features.filter((feature) => adapter.features.has(feature))
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
    return fail(`${describe(adapter.info)} gives no device: ${messageOf(error)}`, error)
  }
}

/** Whether an adapter computes on the CPU. Browsers do not always say so, so the adapter's names count too. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return computesOnCpu(info) || /null-backend/i.test(describe(info))
}

const computesOnCpu = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(describe(info))

/** An adapter's names, for people to read. */
export function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const names = [vendor, architecture, device, description].filter((name) => name !== "")
  return [...new Set(names)].join(" ") || "an unnamed adapter"
}

/** The abilities of a device that kernels depend on. */
export interface DeviceReport {
  readonly adapter: string
  /** Whether the device computes on the CPU. */
  readonly software: boolean
  readonly features: readonly string[]
  /**
   * The largest buffer and binding in bytes, the greatest number of buffers of a kernel, and the most bytes and threads
   * of a workgroup.
   */
  readonly limits: Readonly<
    Record<"buffer" | "binding" | "buffersPerKernel" | "workgroupMemory" | "workgroupThreads", number>
  >
  /**
   * The kernels that the device runs: the storage of activations, the way in which threads sum, and the choice of
   * tiles.
   */
  readonly kernels: Readonly<Record<"storage" | "reductions" | "tiles", string>>
}

/** The WebGPU backend, with its device. */
export interface WebGpuBackend extends Backend {
  readonly report: DeviceReport
  /** The device. Other libraries may share it. */
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

/** A backend on a device. `close` destroys the device, unless it came with the options. */
export async function deviceBackend(
  device: GPUDevice,
  { autotune = !isSoftware(device.adapterInfo), device: shared, kernels, precision, profile: profiler }: DeviceOptions,
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
    compile: (graph, options = {}) => compileProgram(gpu, graph, options, planLimits, tuner),
    createState: (slots, data = {}) => GpuState.create(gpu, slots, data, planLimits.largest),
    close: async () => gpu.close(shared === undefined),
  }
}
