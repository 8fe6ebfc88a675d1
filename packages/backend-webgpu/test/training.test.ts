import { golden, goldenNames } from "@vitrine/golden"
import { modelParity, trainingParity } from "@vitrine/parity"
import { describe } from "vitest"
import { hasSwiftShader, noSwiftShader, swiftShader } from "./swiftshader.ts"

// Between them they run every kind of kernel that training has. A page follows all golden runs.
const names = ["training-adamw-accumulate", "training-adamw-multi-label", "training-sgd-clip"]
const runs = Object.fromEntries(names.map((name) => [name, async () => golden(name)]))

const models = Object.fromEntries(goldenNames("large-").map((name) => [name, async () => golden(name)]))

if (hasSwiftShader) {
  trainingParity("WebGPU on SwiftShader", () => swiftShader(), runs)
  modelParity("WebGPU on SwiftShader", () => swiftShader(), models)
} else describe.skip(`training on webgpu (${noSwiftShader})`, () => {})
