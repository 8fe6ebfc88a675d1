import { join } from "node:path"
import { readMetrics } from "@vitrine/checkpoint/node"
import { beforeAll, expect, test } from "vitest"
import { expectFault, temporaryFolder, tinyData, tinyModel, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const at = (name: string): string => join(folder, name)
const source = at("source")

async function train(name: string, ...args: string[]): Promise<{ setup: Record<string, never>; stderr: string }> {
  const { code, stdout, stderr } = await vitrine(["train", "--data", data, "--out", at(name), "--json", ...args])
  expect(`${code} ${stderr}`).toBe("0 ")
  return { setup: JSON.parse(stdout.split("\n")[0] as string), stderr }
}

beforeAll(async () => void (await train("source", ...tinyModel, "--classes", "0,1", "--steps", "20")))

test("a few images of a new class are told from an old one, with the backbone frozen", async () => {
  const few = ["--classes", "0,2", "--per-class", "5", "--recipe", "few-shot", "--steps", "60", "--lr", "0.2"]
  const { setup } = await train("few", "--from", source, ...few, "--freeze", "backbone", "--optimizer", "momentum")
  expect(setup).toMatchObject({
    classes: ["0", "2"],
    examples: 10,
    validation: 20,
    from: { newHead: true },
    recipe: {
      config: { dim: 16, classes: 2 },
      training: { freeze: ["backbone"], optimizer: { name: "sgd", momentum: 0.9 } },
    },
  })
  const last = (await readMetrics(at("few/metrics.jsonl"))).filter(({ type }) => type === "evaluation").at(-1)
  expect(last?.top1).toBeGreaterThan(0.7)
})

test("a built-in recipe takes all of a few images as a batch, unless a flag says otherwise", async () => {
  const few = ["--from", source, "--classes", "0,2", "--per-class", "5", "--recipe", "fine-tune", "--steps", "1"]
  const { setup } = await train("lowered", ...few)
  expect(setup).toMatchObject({
    recipe: { batchSize: 10, best: "last" },
    dataNotes: ["a batch is all 10 images: the recipe's batch of 64 is lowered (else: --batch-size)"],
  })
  const chosen = await vitrine(["train", "--data", data, "--out", at("chosen"), ...few, "--batch-size", "64"])
  expectFault(chosen, /a batch of 64 needs more than the 10 training images; lower it/)
})

test("a teacher is named by a flag, and how it teaches by others", async () => {
  const flags = ["--distillation", "soft", "--distillation-alpha", "0.3", "--distillation-tau", "2", "--steps", "2"]
  const { setup } = await train("student", ...tinyModel, "--classes", "0,1", "--distill-from", source, ...flags)
  expect(setup).toMatchObject({
    teacher: source,
    recipe: { config: { distillationToken: true }, distillation: { kind: "soft", alpha: 0.3, tau: 2 } },
  })
  const plain = ["train", "--data", data, ...tinyModel, "--steps", "2", "--out", at("never")]
  expectFault(await vitrine([...plain, "--distill-from", source]), /tells 2 classes apart, which are not the 3/)
  expectFault(await vitrine([...plain, "--distillation", "hard"]), /the recipe distils: name the teacher/)
})

test("the pool has timm's name and the library's", async () => {
  const pools = [
    ["--global-pool", "avg", "average"],
    ["--pool", "average", "average"],
    ["--global-pool", "token", "token"],
    ["--global-pool", "map", "map"],
  ] as const
  for (const [flag, given, pool] of pools) {
    const { setup } = await train(`pool-${flag}-${given}`, ...tinyModel, flag, given, "--steps", "1")
    expect(setup).toMatchObject({ recipe: { config: { pool } } })
  }
})

test("learns masked patches without labels, and goes on from them", async () => {
  const masked = ["--task", "masked-patch", "--steps", "20"]
  const { code, stdout, stderr } = await vitrine([
    "train",
    "--data",
    data,
    "--out",
    at("masked"),
    ...tinyModel,
    ...masked,
  ])
  expect(code).toBe(0)
  expect(stderr).toMatch(/masked-patch[^]*% right/)
  expect(stdout).toMatch(/Next:\n +(npx )?vitrine train --from /)
  const { setup } = await train("tuned", "--from", at("masked"), "--steps", "2", "--batch-size", "8")
  expect(setup).toMatchObject({ from: { newHead: true }, recipe: { config: { classes: 3 } } })
  expectFault(await vitrine(["eval", "--model", at("masked")]), /the model has no classes to evaluate/)
})

test.each(["masked-patch", "deit"])("the recipe %s is built in", async (name) => {
  const small = ["--patch-size", "4", "--dim", "16", "--depth", "1", "--heads", "2", "--mlp-dim", "32"]
  const short = ["--steps", "1", "--accumulate", "1", "--batch-size", "8"]
  const teacher = name === "deit" ? ["--classes", "0,1", "--distill-from", source] : []
  const { setup } = await train(`recipe-${name}`, "--recipe", name, ...small, ...short, ...teacher)
  expect(setup).toMatchObject({ recipe: { task: name === "deit" ? "classify" : name } })
})

test("a model of photographs comes with the command, by a name of its own", async () => {
  const { setup } = await train("photographs", "--from", "vitrine:cifar10-hybrid", "--per-class", "2", "--steps", "1")
  expect(setup).toMatchObject({ from: { newHead: true }, recipe: { config: { imageSize: [32, 32], dim: 128 } } })
  const probed = await vitrine(["probe", "vitrine:cifar10-hybrid", "--data", data, "--methods", "nearest", "--json"])
  expect(JSON.parse(probed.stdout)).toMatchObject({ model: "vitrine:cifar10-hybrid", data: [{ width: 128 }] })
  expectFault(
    await vitrine(["probe", "vitrine:cat", "--data", data]),
    /vitrine:cat: no such model comes with the command: name vitrine:cifar10-hybrid/,
    2,
  )
  expectFault(
    await vitrine(["predict", "vitrine:cifar10-hybrid", "x.png", "--checkpoint", "last"]),
    /--checkpoint is for run folders, and vitrine:cifar10-hybrid came with the command/,
    2,
  )
})
