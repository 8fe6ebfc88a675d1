/// <reference types="vite/client" />
import { readSafetensors } from "@vitrine/checkpoint"
import { afterAll, expect, test } from "vitest"
import { load, type Model } from "../../src/web.ts"
import { float32Error } from "../losses.ts"

/** Files of the golden models, by their path under `files`. */
const addresses = import.meta.glob<string>(
  ["../../../../tooling/golden/files/big-vision-{map,tok}.*", "../../../../tooling/golden/files/huggingface-*/*"],
  { query: "?url", import: "default", eager: true },
)
const addressOf = (path: string): string => addresses[`../../../../tooling/golden/files/${path}`] as string

async function fileOf(path: string): Promise<File> {
  return new File([await (await fetch(addressOf(path))).blob()], path.split("/").at(-1) as string)
}

interface Values {
  readonly shape: readonly number[]
  readonly data: number[]
}

async function tensorsOf(path: string): Promise<Record<string, Values>> {
  const { tensors } = readSafetensors(new Uint8Array(await (await fileOf(path)).arrayBuffer()), path)
  return Object.fromEntries(
    Array.from(tensors, ([name, { shape, data }]) => [name, { shape, data: Array.from(data, Number) }]),
  )
}

const open: Pick<Model<never>, "close">[] = []
afterAll(async () => {
  for (const model of open) await model.close()
})

test.each([
  ["big-vision-tok", undefined, "a file"],
  ["big-vision-map", [12, 16], "bytes"],
  ["big-vision-map", [12, 16], "a list of files"],
] as const)("%s, %s, from %s gives the logits of big_vision", async (name, imageSize, how) => {
  const file = await fileOf(`${name}.npz`)
  const source = how === "a file" ? file : how === "bytes" ? new Uint8Array(await file.arrayBuffer()) : [file]
  const model = await load(source, { imageSize })
  open.push(model)
  const { images, logits } = await tensorsOf(`${name}.safetensors`)
  const [count = 0, height = 0, width = 0] = images?.shape ?? []
  const size = height * width * 3
  const inputs = Array.from({ length: count }, (_, i) => {
    const data = Uint8Array.from(images?.data.slice(i * size, (i + 1) * size) ?? [])
    return { width, height, channels: 3, data } as const
  })
  const actual = (await model.logits(inputs)).flatMap((row) => [...row])
  expect(float32Error(actual, logits?.data ?? [])).toBeLessThan(1)
})

test.each(["huggingface-deit-teacher", "huggingface-dinov2", "huggingface-dinov2-registers"])(
  "%s gives transformers' logits, by this page's decoding and resizing",
  async (name) => {
    const paths = Object.keys(addresses).map((path) => path.replace(/^.*\/files\//, ""))
    const files = await Promise.all(
      paths
        .filter((path) => path.startsWith(`${name}/`) && /(json|safetensors)$/.test(path))
        .map(async (path) => [path, await fileOf(path)] as const),
    )
    const model = await load(Object.fromEntries(files))
    open.push(model)
    const { results } = JSON.parse(await (await fileOf(`${name}/expected.json`)).text()) as {
      results: { file: string; logits: number[] }[]
    }
    const actual = await model.logits(await Promise.all(results.map(({ file }) => fileOf(`${name}/${file}`))))
    for (const [i, { file, logits }] of results.entries())
      expect(float32Error(actual[i] as Float32Array, logits), file).toBeLessThan(1)
  },
)
