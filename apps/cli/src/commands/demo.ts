import { join } from "node:path"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import { openDataset, resolveData } from "@vitrine/data/node"
import { encodePng, type PredictedImage, predictionsFigure, toPng } from "@vitrine/interpret/node"
import { evaluate, load, train } from "vitrine"
import { create } from "../backends.ts"
import { defineCommand } from "../command.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { engineOptions, machineFlags } from "../flags/machine.ts"
import { makeFolder } from "../folder.ts"
import { integerValue } from "../flags/values.ts"
import { colors, currentIo, isColorful, note, print, self } from "../output.ts"
import { loadRecipe } from "../recipes/load.ts"
import { charts } from "../show/charts.ts"
import { picturesInText } from "../show/pictures.ts"
import { reporter } from "../show/progress.ts"
import { drawCurve, fileList, modelLine } from "../show/result.ts"
import { overrideRecipe } from "../tasks/classify/recipe.ts"
import { quoted } from "../show/text.ts"
import { confusionTable, headline } from "../tasks/classify/report.ts"
import { ending, texts } from "../tasks/classify/texts.ts"
import { freeFolder, jsonReporter, trainTo } from "../training.ts"

const flags = {
  out: { alias: "-o", value: "<folder>", help: "the run folder; default: runs/demo-<n>" },
  json: { help: "events as lines of JSON, as train's, and the result as the last line" },
  steps: { value: "<n>", help: "a shorter or longer run", parse: integerValue(1) },
  ...machineFlags,
  seed: { value: "<n>", help: "decides everything random", parse: integerValue(0), default: 0 },
} as const satisfies Flags

type DemoValues = Values<typeof flags>

export const demo = defineCommand({
  flags,
  examples: [["vitrine demo", ""]],
  run: (_, values) => showDemo(values),
})

/** Trains, evaluates and predicts on built-in data. Returns the exit code. */
async function showDemo(flags: DemoValues): Promise<number> {
  const { bold, cyan, dim } = colors
  const run = flags.out ?? freeFolder(join("runs", "demo"))
  const pictures = join(run, "images")
  const recipe = overrideRecipe(await loadRecipe("shapes"), flags)
  if (!flags.json)
    note(
      bold(
        "Vitrine trains a Vision Transformer to tell ten drawn shapes apart, whatever their place, size, turn and colour.\n",
      ),
    )
  const finished = await trainTo(
    train,
    { data: "shapes", recipe, out: run, seed: flags.seed },
    flags,
    flags.json ? jsonReporter(run) : reporter(run, texts),
  )
  if (!finished) return 130
  const { curve } = await drawCurve(run)
  if (!flags.json) print(`\n${charts(curve)}`)

  const backend = await create(flags.backend, engineOptions(flags))
  try {
    const result = await evaluate(run, { backend })
    if (!flags.json) print(`${bold("Evaluation")}: ${headline(result)}\n\n${confusionTable(result)}\n`)
    const examples = await predictions(run, backend, flags.seed)
    const sheet = await toPng(predictionsFigure(examples), { scale: 1 })
    await writeFileAtomic(join(run, "predictions.png"), [sheet])
    await makeFolder(pictures)
    for (const [i, { image, label }] of examples.slice(0, 8).entries())
      await writeFileAtomic(join(pictures, `${i + 1}-${label}.png`), [encodePng(image)])
    if (flags.json) {
      const predicted = examples.map(({ label, predicted, probability }) => ({ label, predicted, probability }))
      print(JSON.stringify({ type: "result", run, ...result, predictions: predicted }))
      return 0
    }
    const wrong = examples.filter(({ label, predicted }) => label !== predicted).length
    print(
      `${bold("Predictions")} for ${examples.length} held-out images, ${wrong === 0 ? "all right" : `${wrong} wrong`}:\n`,
    )
    print(picturesInText(examples, isColorful(currentIo().stdout)))
  } finally {
    await backend.close()
  }
  print(
    fileList(run, await modelLine(run, await ending.model(run)), [
      ["predictions.png", "held-out images and what the model says they are"],
      ["images/", "some of them, as files"],
    ]),
  )
  const next = [
    [`${self} train --data FOLDER`, "on your own images: FOLDER/<class>/*.jpg"],
    [`${self} predict --model ${quoted(run)} IMAGE`, "ask this model"],
    [`${self} inspect ${quoted(run)} ${quoted(pictures)}`, "draw where it looks, and what it has learned"],
    [`${self} --help`, "all commands"],
  ] as const
  const width = Math.max(...next.map(([command]) => command.length))
  print(`\nNext:\n${next.map(([command, what]) => `  ${cyan(command.padEnd(width))}  ${dim(what)}`).join("\n")}`)
  return 0
}

/** A model's predictions for the first validation images. */
async function predictions(run: string, backend: Backend, seed: number): Promise<PredictedImage[]> {
  const { val } = await resolveData("shapes", { seed })
  if (val === null) throw new Error("the drawings have no validation images")
  const dataset = await openDataset(val)
  const model = await load(run, { backend })
  try {
    const images: PredictedImage[] = []
    for (const [i, label] of dataset.labels.slice(0, 24).entries()) {
      const image = await dataset.read(i)
      const [first] = await model.predict(image, { top: 1 })
      const { label: predicted = "", probability = 0 } = first ?? {}
      images.push({ image, label: dataset.classes[label] ?? String(label), predicted, probability })
    }
    return images
  } finally {
    await model.close()
  }
}
