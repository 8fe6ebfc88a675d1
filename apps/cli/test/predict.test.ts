import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readSafetensors, type StoredTensor } from "@vitrine/checkpoint"
import { describe, expect, test } from "vitest"
import { expectFault, golden, missingShader, temporaryFolder, tinyData, vitrine, vitrineProcess } from "./vitrine.ts"

interface Expected {
  readonly results: readonly {
    readonly file: string
    readonly top: readonly { readonly index: number; readonly label: string; readonly probability: number }[]
    readonly logits: readonly number[]
  }[]
}

const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")) as Expected
const resolution = (kind: string): string => join(golden, "..", `resolution.${kind}`)
const files = expected.results.map(({ file }) => join(golden, file))

describe("predict gives timm's answers", () => {
  test.for(["onnx", "onnx-web", "reference", "tfjs", "tfjs-cpu", "webgpu"])("with %s", async (backend, { skip }) => {
    const missing = backend === "webgpu" ? missingShader() : undefined
    if (missing !== undefined) skip(missing)
    const args = ["predict", "--model", golden, "--backend", backend, "--json", "--logits", "--top", "5", ...files]
    const { code, stdout, stderr } = await vitrine(args)
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const document = JSON.parse(stdout)
    expect(Object.keys(document)).toEqual(["model", "backend", "results"])
    expect(document.model).toBe(golden)
    expect(document.backend).toBe(backend.replace("-cpu", ""))
    for (const [i, { file, top, logits }] of document.results.entries()) {
      const wanted = expected.results[i] as Expected["results"][number]
      expect(file).toBe(files[i])
      const tolerance = Math.max(2e-5, 1e-5 * Math.max(...wanted.logits.map(Math.abs)))
      const worst = Math.max(...wanted.logits.map((z, k) => Math.abs(z - logits[k])))
      expect(worst).toBeLessThanOrEqual(tolerance)
      for (const [k, { index, label, probability }] of wanted.top.entries()) {
        expect(top[k]).toMatchObject({ index, label })
        expect(Math.abs(top[k].probability - probability)).toBeLessThan(1e-5)
      }
    }
  })
})

describe("at another size, and prepared otherwise, predict gives timm's answers", () => {
  const { files: names, cases } = JSON.parse(readFileSync(resolution("json"), "utf8")) as {
    files: string[]
    cases: { name: string; imageSize: [number, number]; args: Record<string, number | string | number[]> }[]
  }
  const { tensors } = readSafetensors(readFileSync(resolution("safetensors")), "resolution")
  test.each(cases.map((one) => [one.name, one] as const))("%s", async (name, { imageSize, args }) => {
    const flags = Object.entries(args).flatMap(([flag, value]) => [`--${flag.replace("_", "-")}`, String(value)])
    const images = names.map((file) => join(golden, file))
    const model = ["--model", golden, "--image-size", imageSize.join("x"), ...flags]
    const { code, stdout, stderr } = await vitrine(["predict", ...model, "--json", "--logits", ...images])
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const found = JSON.parse(stdout).results.flatMap(({ logits }: { logits: number[] }) => logits)
    const wanted = Array.from(tensors.get(`${name}.logits`)?.data ?? [], Number)
    const tolerance = Math.max(2e-5, 1e-5 * Math.max(...wanted.map(Math.abs)))
    expect(Math.max(...wanted.map((z, i) => Math.abs(z - found[i])))).toBeLessThanOrEqual(tolerance)
  })

  test("a size that patches do not divide is one line", async () => {
    const args = ["--model", golden, "--image-size", "50x48", files[0] as string]
    expectFault(await vitrine(["predict", ...args]), /patches of 16×16 do not divide images of 50×48/)
    expectFault(await vitrine(["embed", ...args]), /patches of 16×16 do not divide images of 50×48/)
  })
})

describe("predict", () => {
  const folder = temporaryFolder()

  test("leaves logits out unless they are asked for, and names as many classes as it is told", async () => {
    const { stdout } = await vitrine(["predict", "--model", golden, "--json", "--top", "2", files[0] as string])
    const [result] = JSON.parse(stdout).results
    expect(Object.keys(result)).toEqual(["file", "top"])
    expect(result.top).toHaveLength(2)
    expect(Object.keys(result.top[0])).toEqual(["index", "label", "probability"])
  })

  test("takes folders, in batches, and a batch gives what single images give", async () => {
    const images = join(folder, "images", "below")
    mkdirSync(images, { recursive: true })
    for (let i = 0; i < 20; i++) copyFileSync(files[i % 3] as string, join(images, `${String(i).padStart(2, "0")}.png`))
    writeFileSync(join(images, "notes.txt"), "no image")
    const args = ["predict", "--model", golden, "--json", "--logits", join(folder, "images")]
    const { code, stdout } = await vitrine(args)
    expect(code).toBe(0)
    const { results } = JSON.parse(stdout)
    expect(results).toHaveLength(20)
    for (const [i, { file, logits }] of results.entries()) {
      expect(file).toBe(join(images, `${String(i).padStart(2, "0")}.png`))
      for (const [k, z] of (expected.results[i % 3]?.logits ?? []).entries()) expect(logits[k]).toBeCloseTo(z, 4)
    }
  })

  test("names every image that it cannot read, and answers for the others", async () => {
    const broken = join(folder, "broken.png")
    writeFileSync(broken, readFileSync(files[0] as string).subarray(0, 200))
    const args = ["predict", "--model", golden, "--json", broken, files[1] as string, join(folder, "absent.jpg")]
    const { code, stdout, stderr } = await vitrine(args)
    expect(code).toBe(1)
    expect(JSON.parse(stdout).results.map(({ file }: { file: string }) => file)).toEqual([files[1]])
    const lines = stderr.trimEnd().split("\n")
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^vitrine: .*broken\.png: /)
    expect(lines[1]).toMatch(/^vitrine: .*absent\.jpg: /)
  })

  test("prints text for people", async () => {
    const { stdout } = await vitrine(["predict", "--model", golden, "--top", "1", files[0] as string])
    expect(stdout).toBe(`${files[0]}\n  28.1 %  n02123597\n`)
  })

  test("ends quietly when its reader leaves", async () => {
    const { code, stderr } = await vitrineProcess(["predict", "--model", golden, ...files, ...files], {
      watch: (child) => void child.stdout?.destroy(),
    })
    expect(stderr).toBe("")
    expect(code).toBe(0)
  })
})

test("an image that the model cannot take is named", async () => {
  const thin = join(temporaryFolder(), "thin.png")
  // 2,000 pixels wide and 1 high: its shorter side cannot become 53.
  const bytes =
    "iVBORw0KGgoAAAANSUhEUgAAB9AAAAABCAIAAAAJn6IqAAAAIklEQVR4nO3BoQEAAAgDII32Zf8/0yOsQE+2AAAAAACAnwOVrQA9xQhOOAAAAABJRU5ErkJggg=="
  writeFileSync(thin, Buffer.from(bytes, "base64"))
  expectFault(
    await vitrine(["predict", "--model", golden, files[0] ?? "", thin]),
    /thin\.png: resize: width must be an integer from 1 to 65535/,
  )
})

test("--arch says which of several models bare weights are", async () => {
  const models = join(golden, "..")
  const file = join(temporaryFolder(), "bare.safetensors")
  copyFileSync(join(models, "family-deit3", "model.safetensors"), file)
  const predict = (...more: string[]): ReturnType<typeof vitrine> =>
    vitrine(["predict", "--model", file, files[0] ?? "", "--num-heads", "3", "--json", ...more])
  expectFault(await predict(), /has 9 positions, which can be grids of patches in two ways: .* \(--arch NAME/)
  expect((await predict("--arch", "deit3_small_patch16_224")).stderr).toMatch(
    /taken for deit3_small_patch16_224 with 3 heads/,
  )
  expectFault(await predict("--arch", "vit_none"), /"vit_none" \(--arch\) is none of timm's models that Vitrine reads/)
})

describe("embed", () => {
  const folder = temporaryFolder()

  test("gives the same features as JSON, safetensors and npy", async () => {
    const run = (...more: string[]) => vitrine(["embed", "--model", golden, ...files, ...more])
    const lines = (await run()).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(lines.map(({ file }) => file)).toEqual(files)
    expect(JSON.parse((await run("--json")).stdout)).toEqual({ model: golden, backend: "onnx", results: lines })
    const width = lines[0].features.length
    expect(width).toBe(48)
    const [safetensors, npy] = [join(folder, "f.safetensors"), join(folder, "f.npy")]
    expect((await run("--out", safetensors)).code).toBe(0)
    expect((await run("--out", npy)).code).toBe(0)
    const { tensors, metadata } = readSafetensors(readFileSync(safetensors), safetensors)
    expect(JSON.parse(metadata.files as string)).toEqual(files)
    const stored = tensors.get("features") as StoredTensor
    expect(stored.shape).toEqual([files.length, width])
    expect([...(stored.data as Float32Array)]).toEqual(lines.flatMap(({ features }) => features))
    const bytes = readFileSync(npy)
    expect(bytes.subarray(1, 6).toString()).toBe("NUMPY")
    const start = 10 + bytes.readUInt16LE(8)
    expect(start % 64).toBe(0)
    expect(bytes.subarray(10, start).toString()).toContain(`'shape': (${files.length}, ${width})`)
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length))
    expect([...values]).toEqual([...(stored.data as Float32Array)])
  })
})

describe("weights", () => {
  test("describes every tensor", async () => {
    const { code, stdout } = await vitrine(["weights", join(golden, "model.safetensors"), "--json"])
    expect(code).toBe(0)
    const { tensors, parameters } = JSON.parse(stdout)
    expect(parameters).toBe(
      tensors.reduce((n: number, { shape }: { shape: number[] }) => n + shape.reduce((a, b) => a * b, 1), 0),
    )
    const patch = tensors.find(({ name }: { name: string }) => name === "patch_embed.proj.weight")
    expect(patch).toMatchObject({ dtype: "F32", shape: [48, 3, 16, 16], bytes: 48 * 3 * 256 * 4, nonFinite: 0 })
    const text = (await vitrine(["weights", golden])).stdout
    expect(text.split("\n")[0]).toMatch(/^name\s+shape\s+dtype\s+size\s+min\s+max\s+mean\s+std\s+non-finite$/)
    expect(text).toContain("patch_embed.proj.weight")
  })

  test("lists .npz and .npy, by what they hold", async () => {
    const arrays = fileURLToPath(new URL("../../../packages/checkpoint/test/golden/files/npz/", import.meta.url))
    const { stdout } = await vitrine(["weights", `${arrays}deflated.npz`, "--json"])
    const { format, tensors } = JSON.parse(stdout)
    expect(format).toBe("npz")
    expect(tensors[0]).toMatchObject({ name: "f4", dtype: "F32", shape: [2, 3], bytes: 24, mean: 1.25 })
    expect((await vitrine(["weights", `${arrays}v1.npy`])).stdout).toMatch(/^v1 +\[2, 3\] +F32/m)
    expectFault(
      await vitrine(["weights", `${arrays}pickled.npz`]),
      /pickled\.npz: .*is pickled, which is never executed/,
    )
  })
})

describe("models of other origins", () => {
  const models = join(golden, "..")
  const arrays = fileURLToPath(new URL("../../../packages/checkpoint/test/golden/files/npz/", import.meta.url))
  const image = join(golden, "grey.png")

  test.each([
    ["google-token.npz", [], /^$/],
    ["big-vision-map.npz", ["--image-size", "12x16"], /^$/],
    [
      "big-vision-sincos.npz",
      ["--image-size", "12x16"],
      /sincos\.npz: holds no positions: they are taken .* at 12×16\n$/,
    ],
    ["huggingface-deit-teacher", [], /^$/],
    ["huggingface-dinov2-registers", ["--image-size", "42x84"], /^$/],
    ["family-siglip", ["--image-size", "48x40"], /^$/],
    ["family-dinov2", [], /^$/],
    ["family-deit", ["--num-heads", "3"], /^$/],
  ])("predicts by %s", async (name, flags, told) => {
    const { code, stdout, stderr } = await vitrine([
      "predict",
      "--model",
      join(models, name),
      ...flags,
      image,
      "--json",
    ])
    expect(stderr).toMatch(told)
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].top.length).toBeGreaterThan(3)
  })

  test("weights without a config.json ask for what they do not tell, and train", async () => {
    const folder = temporaryFolder()
    const file = join(folder, "bare.safetensors")
    copyFileSync(join(models, "family-clip", "model.safetensors"), file)
    const { results } = JSON.parse(
      (await vitrine(["predict", "--model", join(models, "family-clip"), image, "--json", "--logits"])).stdout,
    )
    expectFault(
      await vitrine(["predict", "--model", file, image]),
      /bare\.safetensors: the weights do not tell the number of heads: say it \(--num-heads\)/,
    )
    const untold = ["--num-heads", "3", "--act-layer", "quick_gelu", "--norm-eps", "1e-5", "--crop-pct", "1"]
    const clip = ["--mean", "0.48145466,0.4578275,0.40821073", "--std", "0.26862954,0.26130258,0.27577711"]
    const own = await vitrine(["predict", "--model", file, image, "--json", "--logits", ...untold, ...clip])
    expect(own.stderr).toMatch(/bare\.safetensors: has no config\.json: taken for a model with 3 heads, quick_gelu, ε/)
    expect(JSON.parse(own.stdout).results[0].logits).toEqual(results[0].logits)
    const out = join(folder, "run")
    const few = ["--steps", "1", "--batch-size", "2", "--out", out]
    const from = [
      "--data",
      tinyData(join(folder, "data")),
      "--from",
      file,
      "--num-heads",
      "3",
      "--act-layer",
      "quick_gelu",
    ]
    const { code } = await vitrine(["train", ...from, ...few])
    expect(code).toBe(0)
    const { vitrine: run } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"))
    expect(run.model).toMatchObject({ embeddingNorm: true, heads: 3, activation: "quick_gelu", classes: 3 })
  })

  test("one without a head has features, and no predictions", async () => {
    for (const name of ["huggingface-dinov2-swiglu", "big-vision-siglip.npz"]) {
      const model = ["--model", join(models, name), image]
      const { stdout } = await vitrine(["embed", ...model])
      expect(JSON.parse(stdout).features.length).toBe(name.startsWith("big") ? 12 : 48)
      const { code, stderr } = await vitrine(["predict", ...model])
      expect(code).toBe(1)
      expect(stderr).toMatch(/the model has no classes to predict; use embed\n$/)
    }
  })

  test("weights in several files are listed as one", async () => {
    const folder = join(models, "huggingface-dinov2-registers")
    const { parameters, tensors } = JSON.parse((await vitrine(["weights", folder, "--json"])).stdout)
    expect(parameters).toBe(68453)
    expect(tensors).toHaveLength(46)
  })

  test("training goes on from an .npz file", async () => {
    const folder = temporaryFolder()
    const out = join(folder, "run")
    const from = ["--from", join(models, "big-vision-map.npz"), "--image-size", "12x16"]
    const few = ["--steps", "1", "--batch-size", "2", "--out", out]
    const { code } = await vitrine(["train", "--data", tinyData(join(folder, "data")), ...from, ...few])
    expect(code).toBe(0)
    const { vitrine: own } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"))
    expect(own.model).toMatchObject({ pool: "map", imageSize: [12, 16], dim: 12, classes: 3 })
  })

  test("other archives and arrays are no models", async () => {
    expectFault(await vitrine(["predict", "--model", `${arrays}pickled.npz`, image]), /is pickled, which is never/)
    expectFault(await vitrine(["predict", "--model", `${arrays}v1.npy`, image]), /v1\.npy: is neither a model folder/)
    expectFault(
      await vitrine(["predict", "--model", join(models, "big-vision-map.npz"), image]),
      /big-vision-map\.npz: has positions for 12 patches, which make no square: say its image size/,
    )
  })
})
