import { basename, join } from "node:path"
import { type DetectionRecipe, type Recipe, trainDetector, type TrainDetectorOptions, VitrineError } from "vitrine"
import { choose } from "../backends.ts"
import { UsageError } from "../errors.ts"
import { localModel } from "../hub.ts"
import { interruption } from "../interruption.ts"
import { engineOptions } from "../options.ts"
import { colors, print, self, whenReaderLeaves } from "../output.ts"
import { loadRecipe, optimizers } from "../recipes.ts"
import { detectionReporter, figureLine } from "../show/detection.ts"
import { files } from "../show/result.ts"
import { fixedByRun, type TrainFlags } from "../train-options.ts"
import { freeFolder } from "./train.ts"

/** Flags of `train` that say nothing to a detector. */
const ofClassifiers: readonly (keyof TrainFlags)[] = [
  ...(["classes", "perClass", "model", "patchSize", "depth", "pool", "positions", "activation"] as const),
  ...(["stochasticDepth", "init", "ema", "layerDecay", "distillFrom", "distillation", "distillationAlpha"] as const),
  ...(["distillationTau", "labelSmoothing", "mixup", "cutmix", "widths", "depths", "stemWidth", "groups"] as const),
]

/** Trains a detector as the flags say; gives the exit code. */
export async function trainDetectorTo(flags: TrainFlags): Promise<number> {
  const stranger = ofClassifiers.find((flag) => flags[flag] !== undefined)
  if (stranger !== undefined) throw new UsageError(`--${kebab(stranger)} is not for --task detect`)
  const { data, resume, workers, keepLast, checkpointEvery } = flags
  const run =
    resume ??
    flags.out ??
    freeFolder(join("runs", basename(data ?? "").replace(/\.(tar|tar\.gz|tgz|json)$/, "") || "run"))
  const options =
    resume === undefined
      ? await newRun(flags, run)
      : (fixed(flags), { resume, data, workers, keepLast, checkpointEvery })
  const report = flags.json ? undefined : detectionReporter(run)
  const { backend, passedOver } = await choose(flags.backend, engineOptions(flags))
  const interrupted = interruption(
    report?.stopping ??
      (() => process.stderr.write(`vitrine: stopping after this step; resume with: vitrine train --resume ${run}\n`)),
  )
  whenReaderLeaves(interrupted.stop)
  let finished = false
  let last: string | undefined
  try {
    for await (const event of trainDetector({ ...options, backend, signal: interrupted.signal })) {
      if (report === undefined) print(JSON.stringify(event))
      else report.event(event, passedOver)
      if (event.type === "evaluation") last = figureLine(event)
      if (event.type === "end") finished = event.finished
    }
  } finally {
    report?.close()
    interrupted.close()
    await backend.close()
  }
  if (!finished) return 130
  if (!flags.json) showEnd(run, last)
  return 0
}

async function newRun(flags: TrainFlags, out: string): Promise<TrainDetectorOptions> {
  if (flags.data === undefined) throw new UsageError("train --task detect needs --data PATH (or --data scenes)")
  if (flags.steps !== undefined && flags.epochs !== undefined)
    throw new UsageError("give --steps or --epochs, not both")
  const { data, annotations: format, seed, workers, valFraction, keepLast, checkpointEvery } = flags
  const from = flags.from === undefined ? undefined : (await localModel(flags.from)).path
  const given = flags.recipe === undefined ? {} : await loadRecipe<DetectionRecipe>(flags.recipe)
  if (typeof given === "function")
    throw new VitrineError("config", `${flags.recipe}: makes recipes of classifiers, not of detectors`)
  return {
    data,
    format,
    from,
    recipe: withFlags(given, flags),
    out,
    seed,
    workers,
    valFraction,
    keepLast,
    checkpointEvery,
  }
}

function withFlags(recipe: DetectionRecipe & Pick<Recipe, "task">, flags: TrainFlags): DetectionRecipe {
  const { task: _, steps, epochs, model, schedule, ...kept } = recipe
  const length = flags.steps ?? flags.epochs
  const { heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth } = flags
  const own = given({ heads, dim, mlpDim, dropout, queries, encoderDepth, decoderDepth })
  const paced = given({ decay: flags.schedule, warmup: flags.warmup })
  return {
    ...kept,
    ...(length === undefined ? given({ steps, epochs }) : given({ steps: flags.steps, epochs: flags.epochs })),
    ...given({
      imageSize: flags.imageSize,
      batchSize: flags.batchSize,
      accumulate: flags.accumulate,
      learningRate: flags.lr,
      weightDecay: flags.weightDecay,
      clip: flags.clip,
      freeze: flags.freeze,
      evaluateEvery: flags.evalEvery,
      optimizer: flags.optimizer && optimizers[flags.optimizer],
    }),
    ...(model === undefined && Object.keys(own).length === 0 ? {} : { model: { ...model, ...own } }),
    ...(schedule === undefined && Object.keys(paced).length === 0
      ? {}
      : { schedule: { decay: "cosine", warmup: 0.02, final: 0, ...schedule, ...paced } }),
  }
}

/** The fields that are there. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

function fixed(flags: TrainFlags): void {
  const flag = fixedByRun.find((name) => flags[name] !== undefined)
  if (flag !== undefined)
    throw new UsageError(`--${kebab(flag)} cannot change a run that is resumed: it goes on by its own recipe`)
}

const kebab = (flag: string): string => flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

function showEnd(run: string, figures: string | undefined): void {
  print(`\n${figures ?? "No validation images, so no AP."}\n`)
  print(
    files(run)
      .replace("best model, as timm loads it", "best model")
      .replace(/ {2}curve.svg.*\n/, ""),
  )
  const next = [`eval --model ${run}`, `detect ${run} IMAGE … -o pictures`]
  print(["\nNext:", ...next.map((command) => `  ${colors.cyan(`${self} ${command}`)}`)].join("\n"))
}
