import { golden, goldenNames } from "@vitrine/golden"
import { trainingParity } from "@vitrine/parity"
import { describe } from "vitest"
import { hasSwiftShader, noSwiftShader, swiftShader } from "./swiftshader.ts"

const runs = Object.fromEntries(goldenNames("training-").map((name) => [name, async () => golden(name)]))

if (hasSwiftShader) trainingParity("WebGPU on SwiftShader", () => swiftShader(), runs)
else describe.skip(`training on webgpu (${noSwiftShader})`, () => {})
