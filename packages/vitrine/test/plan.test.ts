import { fileURLToPath } from "node:url"
import { familyOf, timmModel } from "@vitrine/checkpoint"
import { forwardFlops, parameterCount, vitVariant } from "@vitrine/core"
import { detr, detrConfig, detrParameters } from "@vitrine/detection"
import { type BiTConfig, bitConfig, bitVariant, resnetConfig } from "@vitrine/resnet"
import { golden } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import { plan, planOf, type PlanSubject, plannedPeak, plannedSubject } from "../src/node.ts"
import { checkMachine, type Machine } from "../src/plan/machine.ts"
import { modelParts } from "../src/plan/cost.ts"
import { forwardGraph } from "../src/plan/subject.ts"
import { fitRates } from "../src/plan/rates.ts"
import { processorSeconds, rankTime } from "../src/plan/time.ts"
import { tasks } from "../src/tasks/node.ts"

interface Counted {
  readonly imageSize: readonly [number, number]
  readonly parameters: number
  readonly flops: number
}
const { classifiers, detectors } = golden("plan").json as {
  readonly classifiers: readonly (Counted & { readonly architecture: string })[]
  readonly detectors: readonly (Counted & { readonly name: string })[]
}

const lines = fileURLToPath(new URL("stored/data/lines", import.meta.url))

/** The parameters and operations of a plan, as sums over its parts. */
function totals(subject: Pick<PlanSubject, "parameters" | "image" | "forward">): Pick<Counted, "parameters" | "flops"> {
  const parts = modelParts(subject.parameters, forwardGraph(subject as PlanSubject))
  const sum = (of: "parameters" | "flops"): number => parts.reduce((n, part) => n + part[of], 0)
  return { parameters: sum("parameters"), flops: sum("flops") }
}

describe("counts what timm and PyTorch count", () => {
  it.each(classifiers)("$architecture", async ({ architecture, imageSize, parameters, flops }) => {
    const config = await timmModel(architecture)
    if (config === undefined) throw new Error("there is no such model")
    const model = familyOf(config).model({ ...config, imageSize, classes: 1000 })
    const forward: PlanSubject["forward"] = (scope, images) => ({ logits: model.forward(scope, images) })
    const counted = totals({ parameters: model.parameters, image: [...model.imageSize, model.channels], forward })
    expect(counted).toEqual({ parameters, flops })
  })

  const depths = { "detr-resnet-50": [3, 4, 6, 3], "detr-resnet-101": [3, 4, 23, 3], "detr-small": [3, 4, 6, 3] }
  const sizes = { "detr-small": { dim: 128, encoderDepth: 3, decoderDepth: 2, queries: 25 } }
  it.each(detectors)("$name", ({ name, imageSize, parameters, flops }) => {
    const resnet = resnetConfig({ block: "bottleneck", widths: [256, 512, 1024, 2048], depths: Object(depths)[name] })
    const config = detrConfig({
      backbone: { kind: "resnet", config: resnet },
      classes: 91,
      queries: 100,
      dim: 256,
      heads: 8,
      encoderDepth: 6,
      decoderDepth: 6,
      mlpDim: 2048,
      ...Object(sizes)[name],
    })
    const counted = totals({
      parameters: detrParameters(config).filter(({ role }) => role !== "frozen"),
      image: [...imageSize, 3],
      forward: (scope, images) => ({ ...detr(scope, images, config) }),
    })
    expect(counted).toEqual({ parameters, flops })
  })
})

describe("table 6 of the ViT paper", () => {
  const bit = (depths: readonly number[], k: number): BiTConfig =>
    bitConfig({ ...bitVariant("R50x1"), depths, stemWidth: 64 * k, widths: [256, 512, 1024, 2048].map((w) => w * k) })
  // Pre-training on JFT: 303 million images, three times the forward pass of each in each epoch.
  it.each([
    ["ViT-B/32", 7, 55, vitVariant("B/32")],
    ["ViT-B/16", 7, 224, vitVariant("B/16")],
    ["ViT-L/32", 7, 196, vitVariant("L/32")],
    ["ViT-L/16", 14, 1567, vitVariant("L/16")],
    ["ViT-H/14", 14, 4262, vitVariant("H/14")],
    ["ResNet50x1", 7, 50, bit([3, 4, 6, 3], 1)],
    ["ResNet50x2", 7, 199, bit([3, 4, 6, 3], 2)],
    ["ResNet101x1", 7, 96, bit([3, 4, 23, 3], 1)],
    ["ResNet152x1", 7, 141, bit([3, 8, 36, 3], 1)],
    ["ResNet152x2", 14, 1126, bit([3, 8, 36, 3], 2)],
    ["ResNet200x3", 14, 3306, bit([3, 24, 36, 3], 3)],
    ["R50x1+ViT-B/32", 7, 106, vitVariant("R50+B/32")],
    ["R50x1+ViT-B/16", 7, 274, vitVariant("R50+B/16")],
    ["R50x1+ViT-L/32", 7, 246, vitVariant("R50+L/32")],
    ["R50x1+ViT-L/16", 14, 1668, vitVariant("R50+L/16")],
  ] as const)("%s, %i epochs: %i exaFLOPs within 5 %", (_, epochs, exaFlops, config) => {
    const computed = (3 * forwardFlops(familyOf(config).model(config)) * 303e6 * epochs) / 1e18
    expect(Math.abs(computed / exaFlops - 1)).toBeLessThan(0.05)
  })
})

describe("a plan", () => {
  const recipe = {
    model: { dim: 32, depth: 2, heads: 2, mlpDim: 64, patchSize: [8, 8] },
    batchSize: 16,
    steps: 10,
  } as const

  it("of a training on data has its sizes, memory and times", async () => {
    const machine: Machine = {
      name: "four cores",
      watts: 100,
      cores: 4,
      backends: { onnx: { products: 1e10, convolutions: 1e10, bytes: 1e9, node: 1e-6, step: 1e-3 } },
    }
    const planned = await plan({ options: { data: "shapes", recipe } }, { machine, ranks: [1, 8], variants: false })
    const { memory, parts, ranks, work } = planned
    expect(planned).toMatchObject({ model: "ViT 2×32 /8", batchSize: 16, steps: 10, backend: "onnx" })
    expect(planned.trainingFlops).toBe(3 * planned.flops * 160)
    expect(parts.map(({ name }) => name)).toContain("blocks.attn")
    expect(Object.values(memory.parts).reduce((a, b) => a + b)).toBeCloseTo(memory.peak)
    expect(planned.processorSeconds).toBeCloseTo(1e-3 + work.products / 1e10 + work.bytes / 1e9 + work.nodes * 1e-6)
    const [one, eight] = ranks
    expect(one).toMatchObject({ communication: 0, waiting: 0, step: (planned.processorSeconds ?? 0) / 4 })
    expect(one?.joules).toBeCloseTo(100 * (one?.run ?? 0))
    expect(eight?.imagesPerSecond).toBeLessThan(8 * (one?.imagesPerSecond ?? 0))
  })

  it("follows recomputation and 16 bit on WebGPU, and grows with the batch", async () => {
    const deep = { ...recipe, model: { ...recipe.model, depth: 3, patchSize: [4, 4] } } as const
    const planned = await plan({ options: { data: "shapes", recipe: deep } })
    expect(new Set(planned.variants.map(({ backend }) => backend))).toEqual(
      new Set(["onnx", "onnx-web", "node-cpu", "webgpu"]),
    )
    const peak = (gradCheckpointing: boolean, precision: string): number =>
      planned.variants.find(
        (each) =>
          each.backend === "webgpu" && each.gradCheckpointing === gradCheckpointing && each.precision === precision,
      )?.peak ?? Number.NaN
    expect(peak(true, "float32")).toBeLessThan(peak(false, "float32"))
    expect(peak(false, "float16")).toBeLessThan(peak(false, "float32"))
    const larger = await plan({ options: { data: "shapes", recipe: { ...deep, batchSize: 64 } } }, { variants: false })
    expect(larger.memory.parts.activations).toBeGreaterThan(3 * planned.memory.parts.activations)
  })

  it("is made without data for published models and readers, and for detectors", async () => {
    const { parameters } = await plannedSubject({ options: { recipe: { model: "vit_tiny_patch16_224" } } })
    expect(parameterCount(parameters)).toBe(5_717_416)
    const detector = await plan(
      { task: "detect", options: { data: "scenes" } },
      { backend: "node-cpu", variants: false },
    )
    expect(detector.parts.map(({ name }) => name)).toContain("transformer.decoder")
    const planned = await plan({ options: { recipe: { model: "Ti/16" } } }, { variants: false })
    const reader = await plan({ task: "read" }, { variants: false })
    expect(reader.parts.map(({ name }) => name)).toContain("decoder.layers")
    expect([planned.assumedData, detector.assumedData, reader.assumedData]).toEqual([
      "ImageNet-1k: 1,281,167 images of 1,000 classes",
      null,
      "rows of 1 to 5 of MNIST's digits: 18,000 lines of 28 × 140 pixels",
    ])
  })

  it("is not made for backends without a model of their memory", async () => {
    const subject = await plannedSubject({ options: { data: "shapes", recipe } })
    await expect(planOf(subject, { backend: "tfjs" })).rejects.toThrow(
      'no plan for backend "tfjs": choose one of onnx, onnx-web, node-cpu, webgpu',
    )
  })
})

describe("ranks", () => {
  const machine: Machine = { name: "m", backends: {}, jitter: 0, network: { latency: 1e-4, bandwidth: 1e9 } }
  it("exchange by a ring: 2 (n - 1) messages, each of 1/n of the gradients in bfloat16", () => {
    const { communication } = rankTime(machine, 4, 1, { parameters: 1e6, images: 8, totalImages: 800 })
    expect(communication).toBeCloseTo(6 * (1e-4 + 2e6 / 4 / 1e9))
  })
  it("hide all buckets but the last behind the backward pass", () => {
    const { communication } = rankTime(machine, 2, 10, { parameters: 25 * 2 ** 20, images: 1, totalImages: 1 })
    expect(communication).toBeCloseTo(2 * (1e-4 + (25 * 2 ** 20) / 2 / 1e9))
  })
})

describe("a machine's file", () => {
  it("is checked", () => {
    const rates = { products: 1, convolutions: 1, bytes: 1, node: 0, step: 0 }
    expect(checkMachine({ name: "a", backends: { onnx: rates } }, "m.json").name).toBe("a")
    expect(() => checkMachine({ name: "a", backends: { onnx: { ...rates, bytes: 0 } } }, "m.json")).toThrow(
      /^m\.json: backends\.onnx\.bytes: /,
    )
  })
})

describe("rates of a machine", () => {
  it("are those that explain measured steps", () => {
    const rates = { products: 5e10, convolutions: 2e10, bytes: 4e9, node: 2e-5, step: 0.01, cut: 0.05 }
    const works = [
      [1e10, 0, 1e8, 300, 0],
      [1e9, 5e9, 1e9, 500, 0],
      [2e9, 1e8, 5e9, 2000, 0],
      [1e8, 1e8, 1e7, 1500, 0],
      [5e8, 2e9, 2e8, 100, 1],
      [3e9, 1e7, 6e8, 900, 0],
      [1e7, 1e7, 1e6, 10, 0],
    ].map(([products = 0, convolutions = 0, bytes = 0, nodes = 0, cuts = 0]) => ({
      products,
      convolutions,
      bytes,
      nodes,
      cuts,
    }))
    const fitted = fitRates(works.map((work) => ({ work, seconds: processorSeconds(work, rates) })))
    for (const work of works) expect(processorSeconds(work, fitted) / processorSeconds(work, rates)).toBeCloseTo(1, 2)
  })
})

describe("a run that does not fit", () => {
  const small = { dim: 128, depth: 2, heads: 2, mlpDim: 512, patchSize: [4, 4] }
  it.each([
    ["classify", "--micro-batches", { data: "shapes", recipe: { model: small, batchSize: 64, steps: 2 } }],
    [
      "detect",
      "--micro-batches",
      { data: "scenes", recipe: { model: { encoderDepth: 1, decoderDepth: 1 }, batchSize: 512, steps: 2 } },
    ],
    [
      "read",
      "--batch-size",
      { data: lines, recipe: { task: "read", model: { imageSize: [64, 512], dim: 128 }, batchSize: 8, steps: 2 } },
    ],
  ] as const)("says so before its first step, with ways that fit: %s", async (task, first, options) => {
    const subject = await plannedSubject({ task, options })
    const memory = 0.9 * (await plannedPeak(subject, {}))
    const run = (await tasks[task]()).train({ ...options, backend: { name: "onnx", device: "", ...absent }, memory })
    const message = await run.next().then(String, ({ message: text }: Error) => text)
    expect(message).toMatch(
      /^the run would take about \d\.\d+ GB of memory on onnx, and there are \d\.\d+ GB; these fit: --/,
    )
    const fitting = message.split("these fit: ")[1] ?? ""
    expect(fitting.startsWith(`${first} `)).toBe(true)
    const ways = fitting.split("; ").slice(0, -1)
    expect(ways.length).toBeGreaterThanOrEqual(3)
    for (const way of ways) expect(Number(/\((\d\.\d+) GB\)/.exec(way)?.[1])).toBeLessThan(memory / 1e9)
  })

  it("is not refused by a guess, as that of webgpu's memory is", async () => {
    const backend = { name: "webgpu", device: "", ...absent }
    const recipe = { model: small, batchSize: 64, steps: 2 }
    const run = (await tasks.classify()).train({ data: "shapes", recipe, backend, memory: 1e8 })
    expect((await run.next()).value).toMatchObject({ type: "setup" })
    await run.return?.(undefined)
  })
})

const never = async (): Promise<never> => {
  throw new Error("a program ran")
}
const absent = { compile: never, createState: never, close: async (): Promise<void> => {} }
