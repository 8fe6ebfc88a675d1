import type { Backend } from "@vitrine/core"
import { useSwiftShader } from "../../../tooling/browser/swiftshader.mjs"
import { nodeDevice, webgpuBackend, type WebGpuNodeOptions } from "../src/node.ts"

/** Whether SwiftShader is to be had; tests that compute are skipped where it is not. */
export const hasSwiftShader: boolean = useSwiftShader()

export const noSwiftShader = "no SwiftShader: install Chromium, which brings it"

/** SwiftShader takes long to compile the zeros of workgroups' memory, and the checks of indexes. Pages keep the checks. */
const toggles = ["disable_workgroup_init", "disable_robustness"]

/** A device of SwiftShader, a Vulkan driver that computes on the CPU. */
export function swiftShaderDevice(): Promise<GPUDevice> {
  return nodeDevice({ software: true, dawn: [`enable-dawn-features=${toggles.join(",")}`] })
}

let shared: Promise<GPUDevice> | undefined

/**
 * A backend on a device that all of a file's tests share, so that each kernel is compiled once; by default with the kernels
 * that run on GPUs.
 */
export async function swiftShader(kernels: WebGpuNodeOptions["kernels"] = "gpu"): Promise<Backend> {
  shared ??= swiftShaderDevice()
  return webgpuBackend({ device: await shared, kernels })
}
