import {
  checkFields,
  type Field,
  ops,
  rowNames,
  type Tensor,
  type ViTConfig,
  VitrineError,
  vitHeads,
  vitModel,
} from "@vitrine/core"
import type { ClassWeightTotal } from "../options.ts"
import { argmax, rowsOf } from "../rows.ts"
import { labelledInputs, measureClasses, weighted } from "./classification.ts"
import { type Loss, rowLosses } from "./losses.ts"
import type { Objective } from "./objective.ts"

/**
 * A kind of distillation: the targets of the distillation token, made from the teacher's logits `[rows, classes]`, and
 * its loss.
 */
interface DistillationKind {
  targets(logits: ArrayLike<number>, classes: number, tau: number): Float32Array
  /** The losses `[batch]`, from logits and targets `[batch, classes]`. */
  losses(logits: Tensor, targets: Tensor, classes: number, tau: number): Tensor
}

/** The kinds of distillation. */
export type DistillationName = "hard" | "soft"

const kinds: Readonly<Record<DistillationName, DistillationKind>> = {
  hard: { targets: decisions, losses: (logits, targets) => ops.softmaxCrossEntropy(logits, targets) },
  soft: { targets: softened, losses: divergence },
}

/** The kinds of distillation: the teacher's first guess, or its probabilities. */
export const distillationNames: readonly DistillationName[] = rowNames(kinds)

/** How a student learns from a teacher. Names and defaults are DeiT's. */
export interface Distillation {
  /** The targets: the teacher's most likely class (`hard`), or its distribution (`soft`). */
  readonly kind: DistillationName
  /** The weight of the distillation loss. The loss of the labels has the weight 1 − alpha. */
  readonly alpha: number
  /** The temperature of soft distillation. */
  readonly tau: number
}

/** The fields of `Distillation` with their bounds. */
export const distillationFields: Readonly<Record<keyof Distillation, Field>> = {
  kind: { kind: "choice", of: distillationNames },
  alpha: { kind: "number", from: 0, to: 1 },
  tau: { kind: "number", above: 0 },
}

/** Computes the teacher's logits, `[batch, classes]`, on the images that the student gets. */
export type Teacher = (images: Float32Array, size: number) => Promise<ArrayLike<number>>

/**
 * DeiT's distillation (Touvron et al., 2021, equations 2 and 3; `losses.py`). The class token learns the labels, and
 * the distillation token learns the teacher's answers. As in `losses.py`, the soft loss is also divided by the number
 * of classes.
 */
export function distillationObjective(
  config: ViTConfig,
  loss: Loss,
  classWeights: readonly number[] | null,
  { kind, alpha, tau }: Distillation,
  teacher: Teacher,
  classWeightTotal: ClassWeightTotal = "labels",
): Objective {
  const { classes } = config
  const noToken = new VitrineError("config", "distillation needs a model with a distillation token")
  if (!config.distillationToken) throw noToken
  const { targets: targetsOf, losses: lossesOf } = kinds[kind]
  return {
    rows: (scope) => {
      const { images, targets, weights } = labelledInputs(config)
      const { logits, distilled } = vitHeads(scope, images, config)
      if (distilled === null) throw noToken
      const labelLosses = rowLosses(logits, targets, loss, classWeights)
      const teacherLosses = lossesOf(distilled, ops.input("teacher", ["batch", classes]), classes, tau)
      return { losses: ops.add(ops.mul(labelLosses, 1 - alpha), ops.mul(teacherLosses, alpha)), weights }
    },
    prepare: async (batch) => {
      const prepared = weighted(batch, loss, classWeights, classWeightTotal)
      const logits = await teacher(batch.images, batch.size)
      return { ...prepared, inputs: { ...prepared.inputs, teacher: targetsOf(logits, classes, tau) } }
    },
    measure: measureClasses(vitModel(config), loss),
  }
}

/** KL(targets ‖ softmax(logits / τ)) · τ² / classes, `[batch]`. */
function divergence(logits: Tensor, targets: Tensor, classes: number, tau: number): Tensor {
  const crossEntropy = ops.softmaxCrossEntropy(ops.mul(logits, 1 / tau), targets)
  // p log p tends to 0 as p does, so the floor of 1e-37 is harmless.
  const entropy = ops.neg(ops.sum(ops.mul(targets, ops.log(ops.maximum(targets, 1e-37))), [1]))
  return ops.mul(ops.sub(crossEntropy, entropy), (tau * tau) / classes)
}

/** The class with the largest logit as a one-hot target. Of equal logits the first counts. */
function decisions(logits: ArrayLike<number>, classes: number): Float32Array {
  const hot = new Float32Array(logits.length)
  let begin = 0
  for (const row of rowsOf(logits, classes)) {
    hot[begin + argmax(row)] = 1
    begin += classes
  }
  return hot
}

/** softmax(logits / τ) */
function softened(logits: ArrayLike<number>, classes: number, tau: number): Float32Array {
  const out = new Float32Array(logits.length)
  let begin = 0
  for (const row of rowsOf(logits, classes)) {
    const scaled = row.map((z) => z / tau)
    const largest = scaled.reduce((a, b) => Math.max(a, b))
    const exponentials = scaled.map((z) => Math.exp(z - largest))
    const total = exponentials.reduce((a, b) => a + b)
    out.set(
      exponentials.map((e) => e / total),
      begin,
    )
    begin += classes
  }
  return out
}

/**
 * Checks the options of distillation.
 * @throws VitrineError (config)
 */
export function checkDistillation(distillation: Distillation): void {
  checkFields(distillationFields, distillation, "distillation.")
}
