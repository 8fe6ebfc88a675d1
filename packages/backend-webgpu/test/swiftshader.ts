import type { Backend } from "@vitrine/core"
import { useSwiftShader } from "../../../tooling/browser/swiftshader.mjs"
import { nodeDevice, webgpuBackend } from "../src/node.ts"

/** Whether SwiftShader is to be had; tests that compute are skipped where it is not. */
export const hasSwiftShader: boolean = useSwiftShader()

export const noSwiftShader = "no SwiftShader: install Chromium, which brings it"

/** A device of SwiftShader, a Vulkan driver that computes on the CPU. */
export function swiftShaderDevice(): Promise<GPUDevice> {
  return nodeDevice({ software: true })
}

let shared: Promise<GPUDevice> | undefined

/** A backend on a device that all of a file's tests share, so that each kernel is compiled once. */
export async function swiftShader(): Promise<Backend> {
  shared ??= swiftShaderDevice()
  return webgpuBackend({ device: await shared })
}
