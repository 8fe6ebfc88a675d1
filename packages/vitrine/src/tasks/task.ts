import type { Overrides } from "@vitrine/checkpoint"
import type { Backend, HostTensor } from "@vitrine/core"
import type { TrainEvent, TrainingOptions } from "@vitrine/trainer"
import type { ExportedFiles, ExportFormat } from "../export.ts"
import type { BackendChoice as NodeBackendChoice } from "../node/backends.ts"
import type { ExportOptions, ExportResult, ExportSource } from "../node/export-files.ts"
import type { ImageInput as NodeImageInput } from "../node/image.ts"
import type { RunOptions } from "../node/run.ts"
import type { RunOrigin } from "../origin.ts"
import type { PlanSubject } from "../plan/subject.ts"
import type { RunSetup } from "../setup.ts"
import type { TapShape } from "../taps.ts"
import type { BackendChoice } from "../web/backend.ts"
import type { ModelLocation, ModelSource } from "../web/files.ts"
import type { ImageInput } from "../web/image.ts"

/** A loaded model of any task. */
export interface LoadedModel<Image> {
  readonly backend: Backend
  /** The names that `inspect` accepts, in the order of computation, with the shapes of the values. */
  taps(): TapShape[]
  /** Intermediate values of an image by the names of their taps. The first dimension of each is 1. */
  inspect(image: Image, taps: readonly string[]): Promise<Readonly<Record<string, HostTensor>>>
  /** Releases the programs, and the backend if it was opened for this model. */
  close(): Promise<void>
}

/** Options of training for any task. */
export interface TaskTrainOptions extends RunOptions {
  /** Not needed to resume. */
  readonly data?: string | undefined
  /** A recipe of the task. Not needed to resume. */
  readonly recipe?: object | undefined
}

/**
 * A task in Node. The `node.ts` in the folder of each task exports one, `tasks/node.ts` has a row for it, and `task.ts`
 * of `@vitrine/checkpoint` recognises the files of its models.
 */
export interface Task {
  /** Trains a model, and yields events. The first event is the setup. */
  train(options: TaskTrainOptions): AsyncGenerator<RunSetup | TrainEvent<object>, void, void>
  /** Measures a model. The default data are those of its training. */
  evaluate(path: string, options?: NodeBackendChoice): Promise<{ readonly data: string; readonly split: string }>
  load(path: string, options?: NodeBackendChoice): Promise<LoadedModel<NodeImageInput>>
  /** Writes a model as files for other libraries. */
  exportModel(source: ExportSource, options: ExportOptions): Promise<ExportResult>
  /** Completes a recipe with facts of the data. */
  resolveRecipe(recipe: object, data: object, seed: number): { readonly training: TrainingOptions }
  /**
   * The record of a run in its `config.json`, or null for other models.
   * @param file the file's name in errors
   */
  recordOf(json: unknown, file: string): RunOrigin | null
  /** The plans of trainings. */
  readonly plan: TaskPlan
}

/** How trainings of a task are planned. */
export interface TaskPlan {
  /** The training of a complete recipe. */
  subject(recipe: object): PlanSubject
  /** Completes a recipe without data: with the facts of the data set that papers train on. */
  withoutData(recipe: object): Promise<object>
  /** That data set in words. */
  readonly assumedData: string
}

/** A task in a page. The `web.ts` in the folder of the task exports one, and `tasks/web.ts` has a row for it. */
export interface PageTask {
  load(source: ModelSource, options?: BackendChoice): Promise<LoadedModel<ImageInput>>
  /** A model as files for other libraries. */
  exportModel(location: ModelLocation, options: ExportFormat & Overrides): Promise<ExportedFiles>
}
