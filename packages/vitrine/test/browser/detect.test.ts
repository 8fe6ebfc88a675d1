/// <reference types="vite/client" />
import { readSafetensors } from "@vitrine/checkpoint"
import { queryDetections } from "@vitrine/detection"
import { expect, test } from "vitest"
import { loadDetector } from "../../src/web.ts"
import { addressOf } from "./golden.ts"

/** The folder that transformers wrote, by file. */
const urls = new Map(
  Object.entries(
    import.meta.glob<string>("../../../../tooling/golden/files/huggingface-detr/*", {
      query: "?url",
      import: "default",
      eager: true,
    }),
  ).map(([path, url]) => [path.split("/").at(-1) as string, url]),
)

const fileOf = async (name: string): Promise<File> =>
  new File([await (await fetch(urls.get(name) as string)).blob()], name)

const folder = async (): Promise<File[]> =>
  Promise.all(["config.json", "preprocessor_config.json", "model.safetensors"].map(fileOf))

test("a folder of Hugging Face's finds what transformers does, and shows what its queries look at", async () => {
  const detector = await loadDetector(await folder(), { worker: false })
  const { tensors } = readSafetensors(new Uint8Array(await (await fileOf("expected.safetensors")).arrayBuffer()), "")
  for (const name of ["wide.png", "tall.png"]) {
    const image = await createImageBitmap(await fileOf(name))
    const [logits, boxes] = ["logits", "boxes"].map((what) =>
      Float64Array.from(tensors.get(`alone.${name}.${what}`)?.data ?? [], Number),
    )
    const size = [image.height, image.width] as const
    const expected = queryDetections(logits ?? [], boxes ?? [], 0, detector.config, size)
    const actual = await detector.detect(image, { threshold: 0 })
    expect(actual.labels.length, name).toBe(expected.labels.length)
    for (const [n, query] of actual.queries.entries()) {
      const i = expected.queries.indexOf(query)
      expect(actual.labels[n], name).toBe(expected.labels[i])
      expect(actual.scores[n], name).toBeCloseTo(expected.scores[i] as number, 4)
      for (const edge of [0, 1, 2, 3])
        expect(actual.boxes[4 * n + edge], name).toBeCloseTo(expected.boxes[4 * i + edge] as number, 1)
    }
    const tap = "transformer.decoder.layers.0.multihead_attn.weights"
    const { taps, grid, size: resized, canvas } = await detector.inspect(image, [tap, "boxes"])
    expect(resized).toEqual(canvas)
    const { heads, queries, decoderDepth } = detector.config
    expect(taps[tap]?.shape).toEqual([1, heads, queries, grid.rows * grid.columns])
    expect(taps.boxes?.shape).toEqual([1, decoderDepth, queries, 4])
    const row = Array.from(taps[tap]?.data ?? []).slice(0, grid.rows * grid.columns)
    expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  }
  await expect(detector.inspect(await fileOf("wide.png"), ["blocks.0"])).rejects.toThrow(
    'no intermediate value named "blocks.0"',
  )
  await detector.close()
})

test("what is no detector is refused by name", async () => {
  await expect(loadDetector(addressOf("config.json"), { worker: false })).rejects.toThrow("is of no detector")
  await expect(loadDetector({ "notes.txt": new Uint8Array(3) })).rejects.toThrow("they are no model")
})
