import { modelParity, trainingParity } from "@vitrine/parity"
import { type WebGpuBackend, webgpuBackend } from "../../src/index.ts"
import { goldens, largeModels, trainings } from "./golden.ts"

let first: WebGpuBackend | undefined
/** Backends on one device, so that each kernel is compiled once. */
async function backend(): Promise<WebGpuBackend> {
  first ??= await webgpuBackend({ software: true })
  return webgpuBackend({ device: first.gpu })
}

trainingParity("WebGPU in a page", backend, goldens(...trainings))
modelParity("WebGPU in a page", backend, goldens(...largeModels))
