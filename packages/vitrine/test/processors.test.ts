import { fromHuggingFace, memorySource, openDetector } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { applyTransforms } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { golden, goldenPath } from "@vitrine/golden"
import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, test } from "vitest"
import { evaluationTransforms } from "vitrine"
import { preparedImage } from "../src/tasks/detect/detector.ts"

interface Case {
  readonly processor: "vit" | "deit" | "dinov2" | "dinov3" | "dinov3-crop" | "detr"
  /** The field that was changed; null for none. */
  readonly field: string | null
  readonly json: Readonly<Record<string, unknown>>
  /** Of the pixels; transformers refuses cases without. */
  readonly key?: string
}

const { json, tensors } = golden("processors")
const cases = json.cases as readonly Case[]
const side = json.side as number

let image: Awaited<ReturnType<typeof decodeImage>>
beforeAll(async () => {
  image = await decodeImage(goldenPath("processors.png"))
})

interface Pixels {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

/** The input of a classifier of the processor's kind. */
async function classifierInput(processor: string, preprocessor: unknown): Promise<Pixels> {
  const dino = processor.startsWith("dino")
  const type = processor.startsWith("dinov3") ? "dinov3_vit" : processor
  const config = {
    model_type: type,
    architectures: [{ vit: "ViTModel", deit: "DeiTModel", dinov2: "Dinov2Model", dinov3_vit: "DINOv3ViTModel" }[type]],
    image_size: side,
    patch_size: dino ? 4 : 8,
    hidden_size: 24,
    num_hidden_layers: 1,
    num_attention_heads: 3,
  }
  const { preprocessing, config: model } = await fromHuggingFace(config, preprocessor, "config.json")
  return applyTransforms(image, evaluationTransforms(preprocessing, model))
}

const detr = goldenPath("huggingface-detr")
const detrConfig: unknown = JSON.parse(readFileSync(`${detr}/config.json`, "utf8"))
const detrWeights = new Uint8Array(readFileSync(`${detr}/model.safetensors`))

/** The input of a DETR, padded where the processor pads to a size. */
async function detectorInput(preprocessor: unknown): Promise<Pixels> {
  const files = new Map([
    ["config.json", detrConfig],
    ["preprocessor_config.json", preprocessor],
  ])
  const { preprocessing } = await openDetector({
    name: "m",
    nameOf: (file) => file,
    json: async (file) => files.get(file),
    open: async (file) => (file === "model.safetensors" ? memorySource(detrWeights, file) : undefined),
  })
  const { data, size } = preparedImage(image, preprocessing, 3)
  const [height, width] = preprocessing.padSize ?? size
  const padded = new Float32Array(height * width * 3)
  for (let y = 0; y < size[0]; y++) padded.set(data.subarray(y * size[1] * 3, (y + 1) * size[1] * 3), y * width * 3)
  return { data: padded, shape: [height, width, 3] }
}

test("every field that a processor of transformers has is among the cases", () => {
  const changed = new Set(cases.map(({ field }) => field))
  expect(json.fields.filter((field: string) => !changed.has(field))).toEqual([])
})

describe.each(["vit", "deit", "dinov2", "dinov3", "dinov3-crop", "detr"] as const)(
  "each field of the processor of %s",
  (processor) => {
    test("gives the pixels of transformers, of its Pillow backend if it has one, or is refused by its name", async () => {
      const counts = { same: 0, refused: [] as string[] }
      for (const one of cases.filter((each) => each.processor === processor && each.key !== undefined)) {
        const field = one.field ?? ""
        const what = `${field}: ${JSON.stringify(one.json[field])}`
        try {
          const found = await (processor === "detr" ? detectorInput(one.json) : classifierInput(processor, one.json))
          const expected = tensors[one.key ?? ""]
          if (expected === undefined) throw new Error(`no pixels of ${what}`)
          // The patches of DINOv2 and DINOv3 leave out the lower and right edges.
          const [height = 0, width = 0] = found.shape
          const [rows = 0, columns = 0] = expected.shape
          const multiple = processor.startsWith("dino") ? 4 : 1
          expect([height, width], what).toEqual([rows - (rows % multiple), columns - (columns % multiple)])
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width * 3; x++) {
              const [a = 0, b = 0] = [found.data[y * width * 3 + x], expected.data[y * columns * 3 + x]]
              if (Math.abs(a - b) > 1e-5 * Math.max(1, Math.abs(b))) expect(a, `${what} at ${y}, ${x}`).toBe(b)
            }
          counts.same++
        } catch (error) {
          if (!VitrineError.isInstance(error)) throw error
          expect(error.message, what).toContain(field)
          counts.refused.push(what)
        }
      }
      expect(counts.same).toBeGreaterThan(25)
      expect(counts.refused).toMatchSnapshot()
    })
  },
)
