import { readdir, readFile } from "node:fs/promises"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { goldenPath } from "@vitrine/golden"
import { afterEach, describe, expect, test } from "vitest"
import { load as loadInNode } from "../src/node.ts"
import { load } from "../src/web.ts"
import { fetchBytes } from "../src/web/files.ts"

const config = new Uint8Array(await readFile(goldenPath("vit-folder-tiny/config.json")))
const weights = new Uint8Array(await readFile(goldenPath("vit-folder-tiny/model.safetensors")))
const backend = "reference"

const hugging = async (file: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(goldenPath(`huggingface-vit/${file}`)))

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe("a model from files", () => {
  test.each<[string, Parameters<typeof load>[0]]>([
    ["by path", { "config.json": config, "model.safetensors": weights }],
    [
      "in a folder",
      { "a/b/config.json": config, "a/b/model.safetensors": new Blob([weights]), "a/model.safetensors": config },
    ],
    [
      "the folder nearest",
      { "run/checkpoints/config.json": weights, "run/config.json": config, "run/model.safetensors": weights },
    ],
    ["in a list", [new File([weights], "model.safetensors"), new File([config], "config.json")]],
  ])("%s", async (_, source) => {
    const model = await load(source, { backend })
    expect(model.config.classes).toBe(7)
    await model.close()
  })

  test.each<[string, Parameters<typeof load>[0], string]>([
    ["none", [], "none of the 0 files is a config.json, and 0 are .npz or .safetensors files"],
    ["no config, and weights that do not tell it", { "lone.safetensors": weights }, "lone.safetensors: "],
    ["no weights", { "run/config.json": config }, "run: has no model.safetensors: "],
    ["no JSON", { "config.json": weights, "model.safetensors": weights }, "config.json: "],
    ["cut short", { "config.json": config, "model.safetensors": weights.subarray(0, 5000) }, "model.safetensors: "],
  ])("%s is an error", async (_, source, message) => {
    const error = await load(source, { backend }).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: "VitrineError" })
    expect((error as Error).message).toContain(message)
    expect((error as Error).message).not.toContain("\n")
  })
})

describe("a model of Hugging Face's from files", () => {
  const files = ["config.json", "preprocessor_config.json", "model.safetensors"]

  test("has its labels, its preprocessing and its values", async () => {
    const source = Object.fromEntries(
      await Promise.all(files.map(async (file) => [file, await hugging(file)] as const)),
    )
    const model = await load(source, { backend })
    expect(model.labels).toEqual(["tench", "goldfish", "great white shark", "tiger shark", "hammerhead"])
    expect(model.preprocessing).toMatchObject({ interpolation: "bilinear", cropMode: "squash", cropPct: 1 })
    const pixels = { width: 48, height: 48, channels: 3, data: new Uint8Array(48 * 48 * 3).fill(200) } as const
    const inNode = await loadInNode(goldenPath("huggingface-vit"), { backend })
    expect(await model.logits([pixels])).toEqual(await inNode.logits([pixels]))
    await model.close()
    await inNode.close()
  })

  test("says when it has no preprocessor", async () => {
    const source = {
      "config.json": await hugging("config.json"),
      "model.safetensors": await hugging("model.safetensors"),
    }
    const { notes, close } = await load(source, { backend })
    expect(notes).toEqual([expect.stringMatching(/^has no preprocessor_config\.json: /)])
    await close()
  })

  test("may have its weights in several files", async () => {
    const folder = goldenPath("huggingface-dinov2-registers")
    const names = (await readdir(folder)).filter((name) => /json$|safetensors$/.test(name))
    const read = async (name: string): Promise<Blob> => new Blob([new Uint8Array(await readFile(`${folder}/${name}`))])
    const source = Object.fromEntries(
      await Promise.all(names.map(async (name) => [`m/${name}`, await read(name)] as const)),
    )
    const model = await load(source, { backend })
    const inNode = await loadInNode(folder, { backend })
    const pixels = { width: 56, height: 56, channels: 3, data: new Uint8Array(56 * 56 * 3).fill(200) } as const
    expect(await model.logits([pixels])).toEqual(await inNode.logits([pixels]))
    for (const { close } of [model, inNode]) await close()
    const { "m/model-00002-of-00003.safetensors": _, ...rest } = source
    await expect(load(rest, { backend })).rejects.toThrow(
      "m: has no model-00002-of-00003.safetensors, which model.safetensors.index.json names",
    )
  })
})

describe("a model from an address", () => {
  test.each(["/m", "/m/", "/m/config.json", "/m/model.safetensors?key=1"])("%s", async (path) => {
    const requests: string[] = []
    const origin = await serve(({ url = "" }, response) => {
      requests.push(url)
      response.end(url.includes("config") ? config : weights)
    })
    const model = await load(origin + path, { backend })
    expect(model.labels.length).toBe(7)
    const query = path.includes("?") ? "?key=1" : ""
    expect(requests).toEqual([`/m/config.json${query}`, `/m/model.safetensors${query}`])
  })

  test("that answers with an error", async () => {
    const origin = await serve((_, response) => response.writeHead(404).end())
    await expect(load(origin, { backend })).rejects.toThrow(`${origin}/: has no config.json: it is no model folder`)
  })

  test("that does not answer", async () => {
    await expect(load("http://127.0.0.1:9/", { backend })).rejects.toThrow("config.json: cannot be fetched")
  })

  test("that is none", async () => {
    await expect(load("http://", { backend })).rejects.toThrow("http://: is not an address")
  })
})

describe("a download", () => {
  test("that announces too much is not begun", async () => {
    const origin = await serve((_, response) => response.writeHead(200, { "content-length": 3e9 }).write("x"))
    await expect(fetchBytes(origin, 1000)).rejects.toThrow("has 3000000000 bytes or more; up to 1000 are read")
  })

  test("without an end is broken off", async () => {
    let sent = 0
    const origin = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(new Uint8Array(100_000))) sent += 100_000
      }
      response.on("drain", more)
      more()
    })
    await expect(fetchBytes(origin, 1_000_000)).rejects.toThrow("up to 1000000 are read")
    expect(sent).toBeLessThan(20_000_000)
  })

  test("that ends too early", async () => {
    const origin = await serve((_, response) => {
      response.writeHead(200, { "content-length": 1000 })
      response.write("x", () => response.destroy())
    })
    await expect(fetchBytes(origin, 2000)).rejects.toThrow(/broke off after \d bytes|cannot be fetched/)
  })

  test.each([0, 1, 999, 1000, 250_000])("of %i bytes without a length", async (size) => {
    const content = Uint8Array.from({ length: size }, (_, i) => i * 7)
    const origin = await serve((_, response) => {
      response.flushHeaders()
      for (let i = 0; i < size; i += 30_000) response.write(content.subarray(i, i + 30_000))
      response.end()
    })
    expect(await fetchBytes(origin, 250_000)).toEqual(content)
  })
})
