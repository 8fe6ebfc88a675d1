import type { Backend, HostTensor } from "@vitrine/core"
import type { CommandEntry } from "../command.ts"
import type { Flags, FlagValues } from "../flags/flag.ts"
import type { Figures, FiguresOptions } from "../show/figures.ts"
import type { ExportOptions, ImageInput, Recipe, RecipeRule } from "vitrine"

/** What the commands do with models of one task. Each part is loaded by the command that needs it. */
export interface TaskCommands {
  /** What messages call one model, and several: "a detector", "detectors". */
  readonly model: string
  readonly models: string
  train(): Promise<TrainPart>
  eval(): Promise<EvalPart>
  predict(): Promise<PredictPart>
  inspect(): Promise<InspectPart>
  export(): Promise<ExportPart>
  /** Commands for models of this task alone. */
  readonly commands?: Readonly<Record<string, CommandEntry>>
}

/** What a command accepts for models of the task, beside the flags that it accepts for all. */
interface Part {
  readonly flags: Flags
}

export interface TrainPart extends Part {
  /** The values of `--task` that train such a model. */
  readonly names: readonly string[]
  /** Trains into a new folder. Gives the exit code. */
  begin(flags: FlagValues, recipe: Recipe | RecipeRule, folder: string): Promise<number>
  /** Goes on with a run. Gives the exit code. */
  resume(flags: FlagValues, folder: string): Promise<number>
}

export interface EvalPart extends Part {
  /** Measures a model on one data set or several. */
  evaluate(path: string, flags: FlagValues): Promise<void>
}

export interface PredictPart extends Part {
  /** Answers for images. Gives the exit code: 1 if any of them could not be read. */
  predict(path: string, images: readonly string[], flags: FlagValues): Promise<number>
}

export interface InspectPart extends Part {
  /** Loads a model to look into. */
  open(path: string, backend: Backend, flags: FlagValues): Promise<Subject>
}

export interface ExportPart extends Part {
  /** What the task's flags say of the export. */
  options(flags: FlagValues): Partial<ExportOptions>
}

/** A model to look into. */
export interface Subject {
  /** What had to be assumed of it. */
  readonly notes: readonly string[]
  taps(): readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Intermediate values, each with a first dimension of 1. */
  inspect(image: ImageInput, taps: readonly string[]): Promise<Readonly<Record<string, HostTensor>>>
  figures(options: FiguresOptions): Figures
  close(): Promise<void>
}
