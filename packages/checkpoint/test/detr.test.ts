import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, graph, type HostData, keyFromSeed, ops, rootScope, type Tensor } from "@vitrine/core"
import { applyTransforms, normalize } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import {
  transformExample,
  queryDetections,
  detr,
  detrConfig,
  detrParameters,
  featureGrid,
  featurePadding,
  initializeDetr,
  lastLayer,
} from "@vitrine/detection"
import { apart, golden, type GoldenTensor, goldenPath } from "@vitrine/golden"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isTaskConfig, parameterReader, writeSafetensors } from "../src/index.ts"
import { type DetectorFolder, openSafetensors, readDetectorFolder, readModelFolder } from "../src/node.ts"
import { fault } from "./support.ts"

const folders = ["detr", "detr-dilated", "detr-native", "detr-auxiliary"].map((name) => `huggingface-${name}`)
const none = {
  boxes: new Float64Array(0),
  labels: new Int32Array(0),
  areas: new Float64Array(0),
  crowd: new Uint8Array(0),
}

async function parametersOf({ weights, sources }: DetectorFolder): Promise<Record<string, Float32Array>> {
  const read = parameterReader(weights, sources)
  const values: Record<string, Float32Array> = {}
  for (const name of sources.keys()) values[name] = await read(name)
  await weights.close()
  return values
}

describe.each([
  { name: "reference", start: referenceBackend, tolerance: 1e-6 },
  { name: "ONNX", start: () => onnxBackend({ worker: false }), tolerance: 1e-5 },
])("Hugging Face's DETR on $name", ({ start, tolerance }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(folders)("%s", async (name) => {
    const { json, tensors } = golden(`${name}/expected`)
    const folder = await readDetectorFolder(goldenPath(name))
    const { config, labels, preprocessing } = folder
    expect(folder.notes).toEqual([])
    expect(labels).toEqual(["cat", "remote", "couch"])
    const constants = await parametersOf(folder)

    const [batch, height, width] = (tensors["images"] as GoldenTensor).shape as [number, number, number]
    const grid = featureGrid(config, [height, width])
    const places = grid[0] * grid[1]
    const wanted = Object.keys(tensors).filter((each) => each.startsWith("tap."))
    const taps: Record<string, Tensor> = {}
    const onTap = (tap: string, t: Tensor): void => void (taps[`tap.${tap}`] = t)
    const images = ops.input("images", ["batch", height, width, 3])
    const given = {
      visible: ops.input("visible", ["batch", places]),
      positions: ops.input("positions", ["batch", places, config.dim]),
    }
    const found = detr(rootScope({ taps: wanted.map((tap) => tap.slice(4)), onTap }), images, config, given)
    const outputs = { logits: lastLayer(found.logits), boxes: lastLayer(found.boxes), ...taps }
    const program = await backend.compile(graph({ outputs }), { batch, constants })
    const mask = tensors["mask"]?.data as Float32Array
    const { visible, positions } = featurePadding(mask, [height, width], grid, config.dim)
    const inputs = { images: tensors["images"]?.data as HostData, visible, positions }
    const results = await program.run(inputs)
    await program.dispose()
    for (const each of ["logits", "boxes", ...wanted])
      expect(apart(results[each]?.data ?? [], tensors[each] as GoldenTensor), each).toBeLessThan(tolerance)

    for (const [row, [file, expected]] of Object.entries(json.detections).entries()) {
      const { scores, labels, boxes } = expected as Record<"scores" | "labels", number[]> & { boxes: number[][] }
      const image = await decodeImage(goldenPath(`${name}/${file}`))
      const { logits, boxes: places } = results
      const own = queryDetections(
        logits?.data ?? [],
        places?.data ?? [],
        row,
        config,
        [image.height, image.width],
        json.threshold,
      )
      const order = scores.map((_, i) => i).toSorted((a, b) => (scores[b] as number) - (scores[a] as number))
      expect(own.scores.length, file).toBe(scores.length)
      expect(Array.from(own.labels), file).toEqual(order.map((i) => labels[i]))
      order.forEach((i, at) => {
        expect(own.scores[at], file).toBeCloseTo(scores[i] as number, 4)
        boxes[i]?.forEach((edge, k) => expect(own.boxes[4 * at + k], file).toBeCloseTo(edge, 2))
      })

      // Without padding: what the image alone gives, prepared from its file.
      const { shortest, within, mean, std } = preprocessing
      const resize = { op: "resizeShortest", shortest: [shortest], within } as const
      const resized = transformExample({ image, objects: none }, [resize], keyFromSeed(0)).image
      const { data } = applyTransforms(resized, [normalize(mean, std)])
      const padded = new Float32Array(height * width * 3)
      for (let y = 0; y < resized.height; y++)
        padded.set(data.subarray(y * resized.width * 3, (y + 1) * resized.width * 3), y * width * 3)
      const size = height * width * 3
      const theirs = tensors["images"]?.data.slice(row * size, (row + 1) * size) as Float32Array
      expect(apart(padded, { data: theirs }), file).toBeLessThan(1e-6)
      const alone = detr(rootScope(), ops.input("images", [1, resized.height, resized.width, 3]), config)
      const one = await backend.compile(
        graph({ outputs: { logits: lastLayer(alone.logits), boxes: lastLayer(alone.boxes) } }),
        { constants },
      )
      const single = await one.run({ images: data })
      await one.dispose()
      for (const each of ["logits", "boxes"])
        expect(apart(single[each]?.data ?? [], tensors[`alone.${file}.${each}`] as GoldenTensor), each).toBeLessThan(
          Math.max(tolerance, 2e-6),
        )
    }
  })
})

describe("other folders", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vitrine-detr-"))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const place = async (name: string, json: object | null, tensors?: Record<string, Float32Array>): Promise<string> => {
    const at = join(folder, name)
    await mkdir(at)
    if (json !== null) await writeFile(join(at, "config.json"), JSON.stringify(json))
    if (tensors) {
      const shapes = new Map(detrParameters(small).map((each) => [each.name, each.shape]))
      const stored = Object.entries(tensors).map(
        ([each, data]) => [each, { dtype: "F32", shape: shapes.get(each) ?? [data.length], data }] as const,
      )
      await writeFile(join(at, "model.safetensors"), writeSafetensors(stored))
    }
    return at
  }
  const small = detrConfig(golden("detr-post").json.config)
  const values = initializeDetr(detrParameters(small), small, keyFromSeed(1))

  it("reads facebookresearch's weights alone", async () => {
    const at = await place("weights", null, values)
    const { config, notes, labels, ...open } = await readDetectorFolder(at, { heads: 3, dilated: false })
    expect({ ...config, dropout: 0 }).toEqual(small)
    expect([notes, labels]).toEqual([[], null])
    expect(await parametersOf({ config, notes, labels, ...open })).toEqual(values)
    expect(await fault(readDetectorFolder(at))).toMatch(
      /not tell the number of heads, .* a width of 12: .*\(--num-heads\)$/,
    )
    await expect(readDetectorFolder(at, { heads: 5 })).rejects.toThrow("heads must divide dim")
    const assumed = await readDetectorFolder(at, { heads: 3 })
    await assumed.weights.close()
    expect(assumed.notes).toEqual(["has no config.json: it is taken to have no dilation (--dilation), as DETR has"])
  })

  it("reads its own runs", async () => {
    const json = {
      architecture: "detr",
      label_names: ["a", "b", "c", "d"],
      vitrine: { detector: small, imageSize: [96, 128], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    }
    const vit = { architecture: "vit_base_patch16_224" }
    expect([isTaskConfig(json, "detect"), isTaskConfig(vit, "detect")]).toEqual([true, false])
    const { config, labels, preprocessing, weights } = await readDetectorFolder(await place("run", json, values))
    await weights.close()
    expect(config).toEqual(small)
    expect(labels).toEqual(json.label_names)
    const { mean, std } = json.vitrine
    expect(preprocessing).toEqual({ shortest: 96, within: [96, 128], mean, std })
    const wrong = { ...json, vitrine: { ...json.vitrine, detector: { ...small, dim: 10 } } }
    expect(await fault(readDetectorFolder(await place("wrong", wrong, values)))).toMatch(/dim must be a multiple of 4/)
  })

  it("names what is wrong", async () => {
    const copied = join(folder, "copied")
    await mkdir(copied)
    const source = goldenPath("huggingface-detr")
    await copyFile(join(source, "model.safetensors"), join(copied, "model.safetensors"))
    const { json, weights } = await readDetectorFolder(source)
    await weights.close()
    const told = async (change: object): Promise<string> => {
      await writeFile(join(copied, "config.json"), JSON.stringify({ ...(json as object), ...change }))
      return fault(readDetectorFolder(copied))
    }
    expect(await told({ d_model: 32 })).toMatch(/says dim 32, but the weights have 24/)
    expect(await told({ activation_function: "gelu" })).toMatch(/activation_function must be one of relu, got "gelu"/)
    expect(await told({ position_embedding_type: "learned" })).toMatch(/position_embedding_type must be one of sine/)
    expect(await told({ model_type: "yolos" })).toMatch(/model_type is "yolos": of detectors Vitrine reads DETR/)
    expect(await told({ backbone_config: { downsample_in_bottleneck: true } })).toMatch(/halves the resolution/)
    const { "transformer.decoder.norm.bias": _, ...missing } = values
    expect(await fault(readDetectorFolder(await place("missing", null, missing), { heads: 3 }))).toMatch(
      /missing: "transformer.decoder.norm.bias"/,
    )
    const pickle = join(folder, "detr-r50-e632da11.pth")
    await writeFile(pickle, "PK")
    for (const read of [readDetectorFolder, readModelFolder])
      expect(await fault(read(pickle))).toMatch(/is a pickle of PyTorch's, which can run code and is never read/)
  })

  it("prepares images as the folder says, in the ways of several versions", async () => {
    const copied = join(folder, "versions")
    await mkdir(copied)
    const source = goldenPath("huggingface-detr")
    for (const file of ["config.json", "model.safetensors"]) await copyFile(join(source, file), join(copied, file))
    const open = async (processor?: object): Promise<DetectorFolder> => {
      if (processor) await writeFile(join(copied, "preprocessor_config.json"), JSON.stringify(processor))
      const detector = await readDetectorFolder(copied)
      await detector.weights.close()
      return detector
    }
    const bare = await open()
    expect(bare.notes).toEqual(["has no preprocessor_config.json: images are prepared as DETR's are"])
    expect(bare.preprocessing).toMatchObject({ shortest: 800, within: [1333, 1333] })
    const old = await open({ size: 480, max_size: 600, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] })
    expect(old.preprocessing).toMatchObject({ shortest: 480, within: [600, 600], mean: [0.5, 0.5, 0.5] })
    expect((await open({ do_resize: false })).preprocessing.resize).toBeNull()
    const exact = await open({ size: { height: 64, width: 80 }, pad_size: { height: 96, width: 96 }, resample: 3 })
    expect(exact.preprocessing).toMatchObject({
      resize: { to: "exact", size: [64, 80] },
      padSize: [96, 96],
      interpolation: "bicubic",
    })
    expect(await fault(open({ size: { shortest_edge: 64 } }))).toMatch(/size.longest_edge must be a number/)
    expect(await fault(open({ image_processor_type: "YolosImageProcessor" }))).toMatch(/image_processor_type is "Yolos/)
  })
})

it("keeps files of other kinds apart", async () => {
  expect(await fault(readDetectorFolder(goldenPath("huggingface-vit")))).toMatch(
    /is of no detector: its model_type is "vit"/,
  )
  const { tensors, close } = await openSafetensors(goldenPath("huggingface-detr/model.safetensors"))
  expect(tensors.length).toBeGreaterThan(50)
  await close()
})
