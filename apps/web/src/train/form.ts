import { type Signal, signal } from "@preact/signals"
import type { Entry } from "../engine/archive.ts"
import type { DataKind } from "../engine/data-kind.ts"
import type { TrainSetup } from "../engine/training.ts"
import { examples } from "./make.tsx"
import { modelOf, recipeOf, type Size } from "./presets.ts"
import { pictures, readExamples, runs } from "./state.ts"

// The reader's choices. They stay when the reader leaves the room.

export const kind: Signal<DataKind> = signal("shapes")
export const size: Signal<Size> = signal("small")
export const side: Signal<number> = signal(32)
export const steps: Signal<number> = signal(600)
export const batch: Signal<number> = signal(64)
export const rate: Signal<number> = signal(0.002)
export const augment: Signal<boolean> = signal(false)
export const seed: Signal<number> = signal(0)
export const name: Signal<string> = signal("shapes")
/** Files of a model from which the training starts. */
export const from: Signal<readonly Entry[]> = signal([])
/** The number of attention heads of that model, or 0 if its files contain it. */
export const heads: Signal<number> = signal(0)
/** The name of that model in timm, or "" if its files tell the model. */
export const architecture: Signal<string> = signal("")

export function chooseKind(next: DataKind): void {
  kind.value = next
  name.value = next === "shapes" ? "shapes" : "mine"
  augment.value = next !== "shapes"
}

/** Describes the run that the reader has chosen. */
export async function setup(): Promise<TrainSetup> {
  const imageSize = [side.value, side.value] as const
  const model =
    from.value.length === 0
      ? modelOf(size.value, side.value)
      : { imageSize, ...(heads.value > 0 ? { heads: heads.value } : {}) }
  const choice = {
    steps: steps.value,
    batchSize: Math.max(1, Math.min(batch.value, await pictureCount())),
    learningRate: rate.value,
    augment: augment.value,
  }
  return {
    name: freeName(name.value.trim() || "run"),
    data: kind.value,
    recipe: recipeOf(model, choice, side.value),
    seed: seed.value,
    ...(from.value.length === 0 ? {} : { from: from.value }),
    ...(from.value.length === 0 || architecture.value === "" ? {} : { architecture: architecture.value }),
  }
}

/** The number of pictures to learn from. Pictures that were made in the page are read now. */
async function pictureCount(): Promise<number> {
  switch (kind.value) {
    case "shapes":
      return Number.POSITIVE_INFINITY
    case "folder":
      return pictures.value?.train ?? 0
    case "make":
      return (await readExamples(examples.value, side.value)).train
  }
}

/** A name that no run has yet. */
function freeName(wish: string): string {
  const names = new Set(runs.value.map((run) => run.name))
  let free = wish
  for (let i = 2; names.has(free); i++) free = `${wish}-${i}`
  return free
}
