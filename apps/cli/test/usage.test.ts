import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { expectFault, golden, missingShader, temporaryFolder, tinyData, vitrine, vitrineProcess } from "./vitrine.ts"

const commands = [
  "train",
  "eval",
  "predict",
  "detect",
  "embed",
  "probe",
  "compare",
  "study",
  "runs",
  "inspect",
  "export",
  "weights",
  "pull",
  "doctor",
  "bench",
  "plan",
  "demo",
]

describe("help", () => {
  test("names every command, and is no failure", async () => {
    const { code, stdout, stderr } = await vitrine(["--help"])
    expect(code).toBe(0)
    expect(stderr).toBe("")
    for (const command of commands) expect(stdout).toContain(`  ${command} `)
    expect(stdout).toContain("Examples:")
    expect(stdout).toContain("Exit codes:")
  })

  test.each(commands)("of %s has examples", async (command) => {
    const { code, stdout } = await vitrine([command, "--help"])
    expect(code).toBe(0)
    expect(stdout).toContain("Examples:\n  vitrine ")
    expect(stdout).not.toContain("\x1b")
  })

  test("of train lists the recipes of the folder, and so does the README", async () => {
    const { stdout } = await vitrine(["train", "--help"])
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const recipes = readdirSync(new URL("../../../recipes", import.meta.url)).filter((name) => name.endsWith(".ts"))
    expect(recipes.length).toBeGreaterThan(10)
    for (const file of recipes) {
      const text = readFileSync(new URL(`../../../recipes/${file}`, import.meta.url), "utf8")
      const title = text.slice("// ".length, text.indexOf("\n"))
      expect(title).toMatch(/\.$/)
      const name = file.replace(".ts", "")
      expect(stdout).toContain(`  ${name.padEnd("fashion-mnist-crops".length)}  ${title}\n`)
      expect(readme).toContain(
        `| [\`${name}\`](https://github.com/vitrine-js/vitrine/blob/main/recipes/${file}) | ${title} |`,
      )
    }
  })

  test("without a command is wrong usage", async () => {
    const { code, stdout, stderr } = await vitrine([])
    expect(code).toBe(2)
    expect(stdout).toBe("")
    expect(stderr).toContain("Usage: vitrine")
  })

  test("the version is the package's", async () => {
    expect((await vitrine(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe("wrong usage is one line and exit code 2", () => {
  test.each([
    ["an unknown command", ["fly"], /unknown command 'fly'/],
    ["an unknown option", ["train", "--wings"], /--wings/],
    ["a missing option", ["eval"], /--model/],
    ["a missing image", ["predict", "runs/a-1"], /missing required argument 'image'/],
    ["a second model", ["eval", "runs/a-1", "--model", "runs/b-1"], /too many arguments: runs\/a-1/],
    [
      "another program's option",
      ["train", "--data", "x", "--learning-rate", "1"],
      /^vitrine: unknown option '--learning-rate' \(it is called --lr here\)/,
    ],
    ["another's that a command lacks", ["predict", "--batch", "3", "m", "a.png"], /unknown option '--batch'/],
    ["another's device", ["bench", "--device", "cpu"], /'--device' \(it is called --backend here\)/],
    ["a missing argument", ["weights"], /missing required argument 'file'/],
    ["a number that is none", ["train", "--data", "shapes", "--lr", "fast"], /--lr.*'fast'/],
    ["a number out of range", ["train", "--data", "shapes", "--dropout", "1"], /--dropout.*'1'/],
    ["a choice that is none", ["predict", "--model", "m", "--backend", "abacus", "a.png"], /abacus.*onnx/],
    ["a size that is none", ["eval", "--model", "m", "--image-size", "48x"], /--image-size.*'48x'.*48x40/],
    ["a filter that is none", ["predict", "--model", "m", "--interpolation", "cubic", "a.png"], /cubic.*bicubic/],
    ["too large a crop", ["embed", "--model", "m", "--crop-pct", "1.5", "a.png"], /--crop-pct.*'1\.5'.*0\.1 to 1/],
    ["a crop that is none", ["eval", "--model", "m", "--crop-mode", "edge"], /edge.*squash/],
    ["means that are none", ["eval", "--model", "m", "--mean", "0.5,,0.5"], /--mean.*'0\.5,,0\.5'.*each channel/],
    ["a deviation of 0", ["eval", "--model", "m", "--std", "1,0,1"], /--std.*above 0/],
    ["two lengths", ["train", "--data", "shapes", "--steps", "3", "--epochs", "1"], /--steps or --epochs/],
    ["no data", ["train"], /--data/],
    ["another recipe for a resumed run", ["train", "--resume", "r", "--batch-size", "3"], /--batch-size/],
    ["another start for a resumed run", ["train", "--resume", "r", "--from", "q"], /--from/],
    ["a file of no known kind", ["embed", "--model", "m", "--out", "f.xyz", "a.png"], /f\.xyz.*\.npy/],
    [
      "a pool that is none",
      ["train", "--data", "shapes", "--global-pool", "max"],
      /--global-pool.*'max'.*avg, token or map/,
    ],
  ])("%s", async (_, args, fault) => {
    const result = await vitrine(args)
    expectFault(result, fault, 2)
    const command = commands.find((name) => name === args[0])
    expect(result.stderr).toMatch(new RegExp(`; see vitrine ${command === undefined ? "" : `${command} `}--help\\n$`))
  })

  test("of flags and of what follows from them alike", async () => {
    expect((await vitrine(["train"])).stderr).toMatch(/^vitrine: [^.]*; see vitrine train --help\n$/)
    expect((await vitrine(["train", "--lr", "fast"])).stderr).toMatch(/above\b; see vitrine train --help\n$/)
  })
})

describe("a flag of another task is refused by its name", () => {
  test.each([
    [["train", "--data", "shapes", "--queries", "3"], /--queries is for --task detect/],
    [["train", "--data", "shapes", "--encoder-depth", "1"], /--encoder-depth is for --task detect/],
    [["train", "--data", "shapes", "--task", "masked-patch", "--decoder-depth", "1"], /--decoder-depth is for --task/],
    [["train", "--data", "shapes", "--annotations", "voc"], /--annotations is for --task detect/],
    [["train", "--data", "shapes", "--recipe", "shapes", "--characters", "3"], /--characters is for --task read/],
    [["train", "--data", "m", "--task", "read", "--widths", "8"], /--widths is not for --task read/],
    [["train", "--data", "m", "--task", "read", "--groups", "2"], /--groups is not for --task read/],
    [["train", "--data", "m", "--recipe", "mnist-rows", "--depths", "1"], /--depths is not for --task read/],
    [["train", "--data", "m", "--task", "read", "--stem-width", "8"], /--stem-width is not for --task read/],
    [["train", "--data", "m", "--task", "detect", "--depth", "2"], /--depth is not for --task detect/],
    [["eval", "--model", golden, "--annotations", "coco"], /--annotations is for detectors, and the model is an image/],
    [["predict", "--model", golden, "--length-penalty", "1", "a.png"], /--length-penalty is for models that read/],
    [["inspect", golden, "--dilation"], /--dilation is for detectors, and the model is an image classifier/],
    [["export", golden, "--to", "onnx", "--dilation"], /--dilation is for detectors/],
  ] as const)("%j", async (args, fault) => {
    expectFault(await vitrine(args), fault, 2)
  })
})

describe("a failure is one line and exit code 1", () => {
  const folder = temporaryFolder()
  const data = tinyData(join(folder, "tiny"))
  test.each([
    ["data that do not exist", ["train", "--data", "nowhere"], /nowhere: no such file or folder/],
    ["a model that does not exist", ["predict", "--model", "nowhere", "a.png"], /nowhere.*no such file/],
    ["a recipe that does not exist", ["train", "--data", "shapes", "--recipe", "cake"], /cake.*fashion-mnist-quick/],
    ["a run that does not exist", ["train", "--resume", "nowhere"], /nowhere/],
    ["a start that does not exist", ["train", "--data", data, "--from", "nowhere"], /nowhere.*no such file/],
    ["weights that do not exist", ["weights", "nowhere.safetensors"], /nowhere\.safetensors.*no such file/],
    ["an impossible model", ["train", "--data", data, "--dim", "30", "--heads", "4"], /4 heads do not divide/],
    ["an unknown variant", ["bench", "--model", "XXL/16"], /XXL\/16/],
  ])("%s", async (_, args, fault) => {
    expectFault(await vitrine(args, { cwd: folder }), fault)
  })
})

test("colours are for terminals, and NO_COLOR is heard", async () => {
  const forced = await vitrineProcess(["weights", "nowhere.safetensors"], { env: { FORCE_COLOR: "1" } })
  expect(forced.stderr).toContain("\x1b[31m")
  const refused = await vitrine(["weights", "nowhere.safetensors"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })
  expect(refused.stderr).not.toContain("\x1b")
})

test("bench tells what each kernel takes", async ({ skip }) => {
  const missing = missingShader()
  if (missing !== undefined) skip(missing)
  const size = ["--image-size", "32", "--batch-size", "1", "--steps", "1", "--infer"]
  const args = ["bench", "--model", "Ti/16", ...size, "--profile", "--json"]
  const { code, stdout } = await vitrine([...args, "--backend", "webgpu"])
  expect(code).toBe(0)
  const [{ kernels }] = JSON.parse(stdout).measured
  expect(kernels).toContainEqual(expect.objectContaining({ kernel: expect.stringMatching(/^attention/), runs: 12 }))
  expectFault(await vitrine([...args, "--backend", "onnx"]), /--profile needs --backend webgpu, not onnx/)
})

test("doctor finds what runs here", async () => {
  const emulated = missingShader() === undefined
  const { code, stdout } = await vitrine(["doctor", "--json"])
  expect(code).toBe(0)
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({ node: process.version, auto: "onnx", images: { works: true } })
  const names = report.backends.map(({ name }: { name: string }) => name)
  const everywhere = ["onnx", "onnx-web", "reference", "tfjs", "tfjs-cpu"]
  expect(names).toEqual(expect.arrayContaining([...everywhere, "webgpu"]))
  for (const { name, works, detail } of report.backends)
    if (everywhere.includes(name)) expect(`${name} ${works} ${detail}`).toMatch(/ true /)
  const webgpu = report.backends.find(({ name }: { name: string }) => name === "webgpu")
  if (emulated)
    expect(webgpu.device).toMatchObject({ software: true, kernels: { storage: "float32", tiles: "in registers" } })
})

test("bench measures training and inference of a model by Vitrine's or timm's name", async () => {
  const args = [
    "bench",
    ..."--model vit_tiny_patch16_224 --image-size 32 --batch-size 2 --steps 1 --threads 1 --json".split(" "),
  ]
  const { code, stdout } = await vitrine(args)
  expect(code).toBe(0)
  const { measured, parameters } = JSON.parse(stdout)
  // Of ViT-Ti/16 at 32 × 32.
  expect(parameters).toBe(5_680_552)
  expect(measured.map(({ what }: { what: string }) => what)).toEqual(["infer", "train"])
  for (const { medianMs, imagesPerSecond, peakBytes } of measured) {
    expect(imagesPerSecond).toBeCloseTo(2000 / medianMs, 6)
    expect(peakBytes).toBeGreaterThan(5e7)
  }
})

test("each test that docs/figures.md names is there", () => {
  const root = new URL("../../../", import.meta.url)
  const rows = readFileSync(new URL("docs/figures.md", root), "utf8").split("\n").slice(6)
  expect(rows.length).toBeGreaterThan(40)
  for (const row of rows.filter((line) => line.startsWith("|"))) {
    const cell = row.split("|").at(-2) ?? ""
    let folder = ""
    const texts = [...cell.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file = ""]) => {
      const path = file.includes("/") ? file : `${folder}/${file}`
      folder = path.slice(0, path.lastIndexOf("/"))
      return readFileSync(new URL(path.startsWith("cli/") ? `apps/${path}` : `packages/${path}`, root), "utf8")
    })
    expect(texts.length, row).toBeGreaterThan(0)
    for (const [, name = ""] of cell.matchAll(/"([^"]+)"/g)) expect(texts.join(), row).toContain(name)
  }
})
