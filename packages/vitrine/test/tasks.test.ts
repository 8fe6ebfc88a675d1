import { taskNames } from "@vitrine/checkpoint"
import { readJson } from "@vitrine/checkpoint/node"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { taskOf, tasks } from "../src/node.ts"
import { exportModel as exportInPage, taskOf as taskInPage, tasks as pageTasks } from "../src/web.ts"
import { goldenPath } from "@vitrine/golden"
import { readFile } from "node:fs/promises"

const stored = (path: string): string => fileURLToPath(new URL(`stored/${path}`, import.meta.url))
const pictures = { classify: "pictures/circle/0.png", detect: "scenes/0.png", read: "lines/0.png" }

const filesOf = async (folder: string): Promise<Record<string, Uint8Array>> => ({
  "config.json": await readFile(`${folder}/config.json`),
  "model.safetensors": await readFile(`${folder}/model.safetensors`),
})

describe.each(taskNames)("the task %s", (name) => {
  const run = stored(name)

  test("is that of its runs, in Node and in a page", async () => {
    expect(await taskOf(run)).toBe(name)
    expect(await taskOf(`${run}/model.safetensors`)).toBe(name)
    expect(await taskInPage(await filesOf(run))).toBe(name)
  })

  test("reads the record of its runs alone", async () => {
    const task = await tasks[name]()
    for (const other of taskNames) {
      const record = task.recordOf(await readJson(stored(`${other}/config.json`)), "config.json")
      expect(record === null, other).toBe(other !== name)
    }
  })

  test("loads a model to look into", async () => {
    const model = await (await tasks[name]()).load(run, { backend: "reference" })
    const tap = model.taps().at(-1)
    const values = await model.inspect(stored(`data/${pictures[name]}`), [tap?.name ?? ""])
    await model.close()
    expect(values[tap?.name ?? ""]?.shape[0]).toBe(1)
  })
})

describe("what names no task", () => {
  test("is recognised by a detector's tensors", async () => {
    const { "model.safetensors": weights } = await filesOf(stored("detect"))
    expect(await taskInPage({ "detr.safetensors": weights as Uint8Array })).toBe("detect")
    expect(await taskOf(goldenPath("huggingface-detr"))).toBe("detect")
  })

  test("is a classifier, which loading then finds wrong", async () => {
    expect(await taskOf(stored("nowhere"))).toBe("classify")
    expect(await taskOf(stored("README.md"))).toBe("classify")
  })
})

test("a page exports what its tasks have", async () => {
  expect(Object.keys(pageTasks)).toEqual(["classify", "detect"])
  const { files } = await exportInPage(await filesOf(stored("detect")), { to: "onnx" })
  expect(Object.keys(files)).toEqual(["model.onnx"])
  expect(Object.keys((await exportInPage(await filesOf(stored("classify")), { to: "timm" })).files)).toEqual([
    "config.json",
    "model.safetensors",
  ])
  for (const [name, options, message] of [
    ["detect", { to: "timm" }, "is a detector, which is exported to ONNX alone"],
    ["detect", { to: "onnx", mean: [0.5] }, "mean of a detector cannot be told"],
    ["detect", { to: "onnx", heads: 3 }, "the model has heads 2, not 3"],
    ["read", { to: "onnx" }, 'models of the task "read" are exported in Node, not in pages'],
  ] as const)
    await expect(exportInPage(await filesOf(stored(name)), options)).rejects.toThrow(message)
})
