import type { Backend, HostTensor } from "@vitrine/core"
import type { CommandEntry } from "../command.ts"
import type { Flags, FlagValues } from "../flags/flag.ts"
import type { Figures, FiguresOptions } from "../show/figures.ts"
import type { ExportOptions, ImageInput, RecipeRule } from "vitrine"

/** What the commands do with models of one task. A command loads the part that it needs. */
export interface TaskCommands {
  /** One model and several models in messages, such as "a detector" and "detectors". */
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

interface Part {
  /** The flags that the command accepts for the task, beside those for all tasks. */
  readonly flags: Flags
}

export interface TrainPart extends Part {
  /** The values of `--task` that train such a model, each with what it learns. */
  readonly objectives: Readonly<Record<string, string>>
  /** Trains into a new folder. Gives the exit code. */
  begin(flags: FlagValues, recipe: object | RecipeRule, folder: string): Promise<number>
  /** Resumes a run. Gives the exit code. */
  resume(flags: FlagValues, folder: string): Promise<number>
}

export interface EvalPart extends Part {
  /** Measures a model on one data set or several. */
  evaluate(path: string, flags: FlagValues): Promise<void>
}

export interface PredictPart extends Part {
  /** Says what images show. Gives the exit code, 1 if an image could not be read. */
  predict(path: string, images: readonly string[], flags: FlagValues): Promise<number>
}

export interface InspectPart extends Part {
  /** Loads a model to look into. */
  open(path: string, backend: Backend, flags: FlagValues): Promise<Subject>
}

export interface ExportPart extends Part {
  /** The options of the export by the task's flags. */
  options(flags: FlagValues): Partial<ExportOptions>
}

/** A model to look into. */
export interface Subject {
  /** What the library assumed of it. */
  readonly notes: readonly string[]
  taps(): readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Intermediate values, each with a first dimension of 1. */
  inspect(image: ImageInput, taps: readonly string[]): Promise<Readonly<Record<string, HostTensor>>>
  figures(options: FiguresOptions): Figures
  close(): Promise<void>
}
