import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import { openDataset, resolveData } from "@vitrine/data/node"
import { encodePng } from "@vitrine/interpret"
import { evaluate, load, train } from "vitrine"
import { create } from "../backends.ts"
import { colors, isColorful, note, print, self } from "../output.ts"
import { loadRecipe, withFlags } from "../recipes.ts"
import { type Shown, contactSheet } from "../show/contact-sheet.ts"
import { picturesInText } from "../show/pictures.ts"
import { classes, reporter } from "../show/progress.ts"
import { classification, drawCurve, files } from "../show/result.ts"
import { type EngineFlags, engineOptions } from "../options.ts"
import { charts } from "../show/charts.ts"
import { confusionTable, headline } from "./eval.ts"
import { trainTo } from "../training.ts"
import { freeFolder } from "./train.ts"

export interface DemoFlags extends EngineFlags {
  readonly out?: string
  readonly steps?: number
  readonly backend: string
  readonly seed: number
}

/** The main job from end to end, on data that are built in; gives the exit code. */
export async function demo(flags: DemoFlags): Promise<number> {
  const { bold, cyan, dim } = colors
  const run = flags.out ?? freeFolder(join("runs", "demo"))
  const pictures = join(run, "images")
  const recipe = withFlags(await loadRecipe("shapes"), flags)
  note(
    bold(
      "Vitrine trains a Vision Transformer to tell ten drawn shapes apart, whatever their place, size, turn and colour.\n",
    ),
  )
  const finished = await trainTo(
    train,
    { data: "shapes", recipe, out: run, seed: flags.seed },
    flags,
    reporter(run, classes),
  )
  if (!finished) return 130
  print(`\n${charts((await drawCurve(run)).curve)}`)

  const backend = await create(flags.backend, engineOptions(flags))
  try {
    const result = await evaluate(run, { backend })
    print(`${bold("Evaluation")}: ${headline(result)}\n\n${confusionTable(result)}\n`)
    const shown = await predictions(run, backend, flags.seed)
    const sheet = join(run, "predictions.png")
    await contactSheet(shown, sheet)
    await mkdir(pictures, { recursive: true })
    for (const [i, { image, label }] of shown.slice(0, 8).entries())
      await writeFileAtomic(join(pictures, `${i + 1}-${label}.png`), [encodePng(image)])
    const wrong = shown.filter(({ label, predicted }) => label !== predicted).length
    print(
      `${bold("Predictions")} for ${shown.length} held-out images, ${wrong === 0 ? "all right" : `${wrong} wrong`}:\n`,
    )
    print(picturesInText(shown, isColorful(process.stdout)))
  } finally {
    await backend.close()
  }
  print(
    files(run, classification.model, [
      ["predictions.png", "held-out images and what the model says they are"],
      ["images/", "some of them, as files"],
    ]),
  )
  const next = [
    [`${self} train --data FOLDER`, "on your own images: FOLDER/<class>/*.jpg"],
    [`${self} predict --model ${run} IMAGE`, "ask this model"],
    [`${self} inspect ${run} ${pictures}`, "draw where it looks, and what it has learned"],
    [`${self} --help`, "all commands"],
  ] as const
  const width = Math.max(...next.map(([command]) => command.length))
  print(`\nNext:\n${next.map(([command, what]) => `  ${cyan(command.padEnd(width))}  ${dim(what)}`).join("\n")}`)
  return 0
}

/** What a model says of the first held-out images. */
async function predictions(run: string, backend: Backend, seed: number): Promise<Shown[]> {
  const { val } = await resolveData("shapes", { seed })
  const dataset = await openDataset(val as NonNullable<typeof val>)
  const model = await load(run, { backend })
  try {
    const shown: Shown[] = []
    for (let i = 0; i < 24; i++) {
      const image = await dataset.read(i)
      const [first] = await model.predict(image, { top: 1 })
      const label = dataset.classes[dataset.labels[i] as number] as string
      shown.push({ image, label, predicted: first?.label ?? "", probability: first?.probability ?? 0 })
    }
    return shown
  } finally {
    await model.close()
  }
}
