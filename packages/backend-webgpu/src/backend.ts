/// <reference types="@webgpu/types" />
import type { Backend } from "@vitrine/core"
import type { PlanLimits } from "./plan/plan.ts"
import { compileProgram } from "./run/compile.ts"
import { fail, Gpu, messageOf, type Profiler } from "./run/gpu.ts"
import { createTuner, type TuningStore } from "./run/tune.ts"
import { sideBySide } from "./run/subgroups.ts"
import { GpuState } from "./run/state.ts"

export interface DeviceOptions {
  /** A device to share, such as that of another library. The caller closes it. */
  readonly device?: GPUDevice
  /** Which adapter to choose where there are several. */
  readonly powerPreference?: GPUPowerPreference
  /** Whether to accept an adapter that computes on the CPU. False by default. */
  readonly software?: boolean
  /**
   * How activations, and weights that do not change, are stored. Kernels compute in float32. float16 needs a device with
   * `shader-f16`, and `lossScaling` in training.
   */
  readonly precision?: "float32" | "float16"
  /**
   * Whether the tiles of matrix products are chosen by measuring, once for each size on a device. They are remembered in
   * the user's cache folder, or in IndexedDB in pages. True by default on GPUs.
   */
  readonly autotune?: boolean
  /**
   * Which kernels to run: those for GPUs, whose threads share memory, or those for adapters that compute on the CPU. The
   * adapter decides by default. The results of both agree to rounding.
   */
  readonly kernels?: "gpu" | "cpu"
  /**
   * Called after every run with the time that each kernel took, in order. It needs a device with `timestamp-query`, and
   * slows runs down.
   */
  readonly profile?: Profiler
}

/** A device of the preferred adapter, with all features and limits that kernels can use. */
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

/** Whether an adapter is no GPU. Browsers do not always say so, so its names decide too. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return computesOnCpu(info) || /null-backend/i.test(describe(info))
}

const computesOnCpu = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(describe(info))

/** An adapter's names, for people. */
export function describe({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const names = [vendor, architecture, device, description].filter((name) => name !== "")
  return [...new Set(names)].join(" ") || "an unnamed adapter"
}

/** What a device can do that matters to kernels. */
export interface DeviceReport {
  readonly adapter: string
  /** Whether it computes on the CPU. */
  readonly software: boolean
  readonly features: readonly string[]
  /** Largest buffer and binding in bytes, most buffers of a kernel, most bytes and threads of a workgroup. */
  readonly limits: Readonly<
    Record<"buffer" | "binding" | "buffersPerKernel" | "workgroupMemory" | "workgroupThreads", number>
  >
  /** Which kernels it runs: how activations are stored, how threads sum up, how tiles of products are chosen. */
  readonly kernels: Readonly<Record<"storage" | "reductions" | "tiles", string>>
}

export interface WebGpuBackend extends Backend {
  readonly report: DeviceReport
  /** The device, which other libraries may share. */
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

/** A backend on a device. `close` destroys the device unless the options hold it. */
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
