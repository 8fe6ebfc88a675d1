import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { expectFault, golden, temporaryFolder, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const image = join(golden, "wide-rgb.png")

async function logitsOf(model: string): Promise<number[]> {
  const { stdout } = await vitrine(["predict", "--model", model, "--json", "--logits", image])
  return JSON.parse(stdout).results[0].logits
}

describe("export", () => {
  test.each(["timm", "hf"])("to %s makes a folder that gives the same logits", async (to) => {
    const args = ["export", golden, "--to", to, "--out", join(folder, to), "--json"]
    const { code, stdout } = await vitrine(args)
    expect(code).toBe(0)
    const document = JSON.parse(stdout)
    expect(Object.keys(document)).toEqual(["model", "to", "path", "files", "notes"])
    expect(document).toMatchObject({ model: golden, to, path: join(folder, to) })
    for (const { path, bytes } of document.files) expect(readFileSync(join(folder, to, path))).toHaveLength(bytes)
    const [found, expected] = [await logitsOf(join(folder, to)), await logitsOf(golden)]
    for (const [i, z] of expected.entries()) expect(Math.abs(z - (found[i] as number))).toBeLessThan(2e-5)
  })

  test("to onnx writes the files that it is asked for, and says so", async () => {
    const args = ["export", golden, "--to", "onnx", "--dtype", "float32,float16", "--quantize", "int8"]
    const { code, stdout, stderr } = await vitrine(args, { cwd: folder })
    expect(code).toBe(0)
    expect(stdout).toContain("vit-folder-tiny-onnx")
    for (const name of ["model", "model_fp16", "model_quantized"]) {
      expect(stdout).toContain(`onnx/${name}.onnx`)
      expect(existsSync(join(folder, "vit-folder-tiny-onnx", "onnx", `${name}.onnx`))).toBe(true)
    }
    expect(stderr).toMatch(/^note: where the middle of an image lies between two pixels/)
  })

  test("takes a model at another size", async () => {
    const out = join(folder, "larger")
    const { code } = await vitrine([
      "export",
      golden,
      "--to",
      "hf",
      "-o",
      out,
      "--image-size",
      "64",
      "--crop-mode",
      "squash",
    ])
    expect(code).toBe(0)
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8")).image_size).toBe(64)
  })

  test("replaces an export if it is told, and nothing else", async () => {
    const args = ["export", golden, "--to", "timm", "-o", join(folder, "twice")]
    expect((await vitrine(args)).code).toBe(0)
    expectFault(await vitrine(args), /twice: holds a model already.*--force/)
    expect((await vitrine([...args, "--force"])).code).toBe(0)
    const other = join(folder, "other")
    mkdirSync(other)
    writeFileSync(join(other, "thesis.tex"), "…")
    expectFault(await vitrine([...args.slice(0, -1), other, "--force"]), /holds "thesis\.tex", which is no part of/)
    const file = ["export", golden, "--to", "onnx", "-o", join(folder, "model.onnx")]
    expect((await vitrine(file)).code).toBe(0)
    expectFault(await vitrine(file), /model\.onnx: exists already.*--force/)
  })

  test.each([
    ["another world", ["--to", "tensorflow"], /tensorflow.*timm, hf, onnx/, 2],
    ["no world", [], /--to/, 2],
    ["a precision that is none", ["--to", "onnx", "--dtype", "float8"], /--dtype.*float32, float16/, 2],
    [
      "two precisions in one folder of tensors",
      ["--to", "hf", "--dtype", "float32,float16"],
      /--dtype float32,float16/,
      2,
    ],
    ["integers outside of ONNX", ["--to", "timm", "--quantize", "int8"], /--to onnx/, 2],
    ["preprocessing that transformers does not have", ["--to", "hf", "--crop-mode", "border"], /--crop-mode squash/, 1],
  ])("with %s is one line", async (_, args, fault, exit) => {
    expectFault(await vitrine(["export", golden, ...args], { cwd: folder }), fault, exit)
  })

  test("of a model that does not exist is one line", async () => {
    expectFault(await vitrine(["export", "nowhere", "--to", "timm"], { cwd: folder }), /nowhere.*no such file/)
  })
})
