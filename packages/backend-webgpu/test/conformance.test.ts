import { conformance } from "@vitrine/conformance"
import { describe } from "vitest"
import { hasSwiftShader, noSwiftShader, swiftShader } from "./swiftshader.ts"

const skip = {
  "constants from a file": "weights are copied to the device, and the package runs where there are no files",
}

if (hasSwiftShader) conformance("webgpu on SwiftShader", () => swiftShader(), { skip })
else describe.skip(`conformance of webgpu (${noSwiftShader})`, () => {})
