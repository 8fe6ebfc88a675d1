import { parseTensors } from "@vitrine/golden/tensors"
import { trainingParity } from "@vitrine/parity"
import { commands } from "vitest/browser"
import { type WebGpuBackend, webgpuBackend } from "../../src/index.ts"

// As seen from the package.
const files = "../../tooling/golden/files"

async function golden(name: string) {
  const text = await commands.readFile(`${files}/${name}.json`)
  const bytes = await commands.readFile(`${files}/${name}.safetensors`, { encoding: "base64" })
  const decoded = Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0))
  return { json: JSON.parse(text), tensors: parseTensors(decoded, name) }
}

const names = ["training-adamw", "training-adamw-accumulate", "training-adamw-ema", "training-sgd-clip"]

let first: WebGpuBackend | undefined
/** Backends on one device, so that each kernel is compiled once. */
async function backend(): Promise<WebGpuBackend> {
  first ??= await webgpuBackend({ software: true })
  return webgpuBackend({ device: first.gpu })
}

trainingParity("WebGPU in a page", backend, Object.fromEntries(names.map((name) => [name, () => golden(name)])))
