import * as tf from "@tensorflow/tfjs-core"
import { conformance } from "@vitrine/conformance"
import { type WebGpuBackend, webgpuBackend } from "../../src/index.ts"
import { agreement } from "../agreement.ts"
import { plainBackend } from "../plain.ts"
import { inexactSines, plainSkips } from "../skips.ts"

let first: WebGpuBackend | undefined
async function compiled(): Promise<WebGpuBackend> {
  first ??= await webgpuBackend({ software: true })
  return webgpuBackend({ device: first.gpu })
}
const plain = async () => plainBackend(tf, await compiled())

conformance("tfjs on our device in a page", plain, { skip: { ...plainSkips, ...inexactSines }, subset: "smoke" })
agreement("compiled and plain in a page", compiled, plain)
