import { goldenPath } from "@vitrine/golden"
import { describe, expect, it } from "vitest"
import { isTaskConfig, taskOfConfig, taskRecord } from "../src/index.ts"
import { readModelFolder, taskOfPath } from "../src/node.ts"
import { checkTask } from "../src/task.ts"

describe("the task of a model", () => {
  it("is what its record names", () => {
    expect(taskOfConfig({ architecture: "transformer", vitrine: { task: "read" } })).toBe("read")
    expect(taskOfConfig({ architecture: "detr", vitrine: { task: "detect" } })).toBe("detect")
    expect(taskOfConfig({ architecture: "vit_tiny", vitrine: { task: "classify" } })).toBe("classify")
  })

  it("follows from other fields where the record names none", () => {
    expect(taskOfConfig({ architecture: "detr", vitrine: {} })).toBe("detect")
    expect(taskOfConfig({ model_type: "detr" })).toBe("detect")
    expect(taskOfConfig({ architecture: "vit_tiny", vitrine: { recipe: {} } })).toBe("classify")
    for (const json of [null, undefined, [], "detr", { vitrine: null }]) expect(taskOfConfig(json)).toBe("classify")
    expect(isTaskConfig({ model_type: "detr" }, "detect")).toBe(true)
  })

  it("follows from the tensors of weights alone", async () => {
    expect(await taskOfPath(goldenPath("huggingface-detr"))).toBe("detect")
    expect(await taskOfPath(goldenPath("vit-folder-tiny"))).toBe("classify")
    await expect(taskOfPath(goldenPath("nowhere"))).rejects.toThrow("nowhere")
  })

  it("guards its record and its models", () => {
    const json = { vitrine: { task: "read", data: "/lines" } }
    expect(taskRecord(json, "read")).toEqual(json.vitrine)
    expect([taskRecord(json, "classify"), taskRecord({ model_type: "detr" }, "detect")]).toEqual([null, null])
    expect(() => checkTask(json, "classify", "config.json")).toThrow(
      "config.json: its model reads lines of text: use vitrine predict and eval (loadReader)",
    )
    expect(() => checkTask({ vitrine: { task: "paint" } }, "classify", "config.json")).toThrow(
      'config.json: vitrine.task must be one of classify, detect, read, got "paint"',
    )
  })

  it("is classification for a classifier to load", async () => {
    await expect(readModelFolder(goldenPath("huggingface-detr"))).rejects.toThrow("its model finds objects")
  })
})
