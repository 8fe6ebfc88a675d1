import { VitrineError } from "@vitrine/core"
import { precisionsOf, refuseOverrides } from "../../export.ts"
import { nonFinite } from "../../finite.ts"
import type { PageTask } from "../task.ts"
import { detectorOnnx } from "./export.ts"
import { loadDetector, readDetector } from "./web/load.ts"

/** Objects in images, with their boxes and classes. */
export const detect: PageTask = {
  async load(source, options) {
    const detector = await loadDetector(source, options)
    return { ...detector, inspect: async (image, taps) => (await detector.inspect(image, taps)).taps }
  },
  async exportModel(location, { to, precision, ...overrides }) {
    const [single = "float32", ...others] = precisionsOf({ precision })
    const { name } = location
    if (to !== "onnx") throw new VitrineError("config", `${name}: is a detector, which is exported to ONNX alone`)
    if (others.length > 0) throw new VitrineError("config", `${name}: a detector becomes one file of one precision`)
    refuseOverrides(name, overrides, "of a detector", ["imageSize", "heads"])
    const { imageSize, heads } = overrides
    const detector = await readDetector(location, { heads })
    return {
      files: new Map([["model.onnx", detectorOnnx(detector, imageSize, single)]]),
      notes: [...nonFinite(detector.values), ...detector.notes],
    }
  },
}
