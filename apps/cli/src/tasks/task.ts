import type { Backend, HostTensor } from "@vitrine/core"
import type { Communicator } from "@vitrine/trainer"
import type { CommandEntry } from "../command.ts"
import type { Flags, FlagValues } from "../flags/flag.ts"
import type { Figures, FiguresOptions } from "../show/figures.ts"
import type { ExportOptions, ImageInput, RecipeRule, TaskTrainOptions } from "vitrine"

/** The parts of the commands for models of one task. Each command loads its part when it needs it. */
export interface TaskCommands {
  /** Words for one model and for several in messages, such as "a detector" and "detectors". */
  readonly model: string
  readonly models: string
  train(): Promise<TrainPart>
  eval(): Promise<EvalPart>
  predict(): Promise<PredictPart>
  inspect(): Promise<InspectPart>
  export(): Promise<ExportPart>
  /** Commands that exist only for models of this task. */
  readonly commands?: Readonly<Record<string, CommandEntry>>
}

interface Part {
  /** The flags that the command accepts for the task, besides those for all tasks. */
  readonly flags: Flags
}

export interface TrainPart extends Part {
  /** The values of `--task` for such a model, and what each learns. */
  readonly objectives: Readonly<Record<string, string>>
  /** Trains in a new folder. Returns the exit code. */
  begin(flags: FlagValues, recipe: object | RecipeRule, folder: string, ranks?: Communicator): Promise<number>
  /** The options of the training that the flags describe. */
  planned(flags: FlagValues, recipe: object | RecipeRule): Promise<TaskTrainOptions>
  /** Resumes a run. Returns the exit code. */
  resume(flags: FlagValues, folder: string, ranks?: Communicator): Promise<number>
}

export interface EvalPart extends Part {
  /** Measures a model on one or several data sets. */
  evaluate(path: string, flags: FlagValues): Promise<void>
}

export interface PredictPart extends Part {
  /** Predicts for images. Returns the exit code, 1 if an image could not be read. */
  predict(path: string, images: readonly string[], flags: FlagValues): Promise<number>
}

export interface InspectPart extends Part {
  /** Loads a model to inspect. */
  open(path: string, backend: Backend, flags: FlagValues): Promise<Subject>
}

export interface ExportPart extends Part {
  /** The export options from the task's flags. */
  options(flags: FlagValues): Partial<ExportOptions>
}

/** A model to inspect. */
export interface Subject {
  /** The facts that the library assumed about the model. */
  readonly notes: readonly string[]
  taps(): readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Intermediate values. The first dimension of each is 1. */
  inspect(image: ImageInput, taps: readonly string[]): Promise<Readonly<Record<string, HostTensor>>>
  figures(options: FiguresOptions): Figures
  close(): Promise<void>
}
