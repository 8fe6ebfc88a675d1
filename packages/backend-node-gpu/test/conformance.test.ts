import { conformance } from "@vitrine/conformance"
import { nodeGpuBackend } from "../src/index.ts"
import { withAddon } from "./addon.ts"

const name = "TensorFlow on the processor"

withAddon(name, () => conformance(name, () => nodeGpuBackend("node-cpu")))
