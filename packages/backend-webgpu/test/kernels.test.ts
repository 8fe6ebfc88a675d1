import { webgpuBackend, type WebGpuBackend } from "../src/node.ts"
import { describe } from "vitest"
import { agreement } from "./agreement.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

const name = "kernels for GPUs and for adapters that compute on the CPU"
if (hasSwiftShader)
  agreement(
    name,
    async () => webgpuBackend({ device: await swiftShaderDevice(), kernels: "gpu" }),
    (one) => webgpuBackend({ device: (one as WebGpuBackend).gpu }),
  )
else describe.skip(`${name} (${noSwiftShader})`, () => {})
