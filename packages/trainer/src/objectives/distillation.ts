import { type ViTHeads, ops, type Tensor, type ViTConfig, VitrineError, vitHeads, vitModel } from "@vitrine/core"
import { labelledInputs, type Loss, measureClasses, rowLosses, weighted } from "./classification.ts"
import type { Objective } from "./objective.ts"

/** How a student learns from a teacher; names and defaults are DeiT's. */
export interface Distillation {
  /** The teacher's decision as a second label, or its distribution. */
  readonly kind: "hard" | "soft"
  /** What the teacher counts; the labels count 1 − alpha. */
  readonly alpha: number
  /** The temperature of soft distillation. */
  readonly tau: number
}

/** The teacher's logits, `[batch, classes]`, on images as the student is given them. */
export type Teacher = (images: Float32Array, size: number) => Promise<ArrayLike<number>>

/**
 * DeiT's distillation (Touvron et al., 2021, equations 2 and 3; `losses.py`): the class token learns the labels and the
 * distillation token what the teacher says. Soft distillation is divided by the number of classes too, as there.
 */
export function distillationObjective(
  config: ViTConfig,
  loss: Loss,
  classWeights: readonly number[] | null,
  { kind, alpha, tau }: Distillation,
  teacher: Teacher,
): Objective {
  const { classes } = config
  if (!config.distillationToken)
    throw new VitrineError("config", "distillation needs a model with a distillation token")
  return {
    rows: (scope) => {
      const { images, targets, weights } = labelledInputs(config)
      const told = ops.input("teacher", ["batch", classes])
      const { logits, distilled } = vitHeads(scope, images, config) as ViTHeads & { distilled: Tensor }
      const own = rowLosses(logits, targets, loss)
      const taught = kind === "hard" ? ops.softmaxCrossEntropy(distilled, told) : divergence(distilled, told, tau)
      return { losses: ops.add(ops.mul(own, 1 - alpha), ops.mul(taught, alpha)), weights }
    },
    prepare: async (batch) => {
      const prepared = weighted(batch, classWeights)
      const logits = await teacher(batch.images, batch.size)
      const told = kind === "hard" ? decisions(logits, classes) : softened(logits, classes, tau)
      return { ...prepared, inputs: { ...prepared.inputs, teacher: told } }
    },
    measure: measureClasses(vitModel(config), loss),
  }
}

/** KL(told ‖ softmax(logits / τ)) · τ² / classes, `[batch]`. */
function divergence(logits: Tensor, told: Tensor, tau: number): Tensor {
  const crossEntropy = ops.softmaxCrossEntropy(ops.mul(logits, 1 / tau), told)
  // The limit of p log p at 0 is 0.
  const entropy = ops.neg(ops.sum(ops.mul(told, ops.log(ops.maximum(told, 1e-37))), [1]))
  return ops.mul(ops.sub(crossEntropy, entropy), (tau * tau) / (told.shape[1] as number))
}

/** One-hot, the first of equal ones. */
function decisions(logits: ArrayLike<number>, classes: number): Float32Array {
  const hot = new Float32Array(logits.length)
  for (let from = 0; from < logits.length; from += classes) {
    let best = from
    for (let i = from; i < from + classes; i++) if ((logits[i] as number) > (logits[best] as number)) best = i
    hot[best] = 1
  }
  return hot
}

/** softmax(logits / τ) */
function softened(logits: ArrayLike<number>, classes: number, tau: number): Float32Array {
  const out = new Float32Array(logits.length)
  for (let from = 0; from < logits.length; from += classes) {
    const row = Float64Array.from({ length: classes }, (_, i) => (logits[from + i] as number) / tau)
    const largest = row.reduce((a, b) => Math.max(a, b))
    const exponentials = row.map((z) => Math.exp(z - largest))
    const total = exponentials.reduce((a, b) => a + b)
    out.set(
      exponentials.map((e) => e / total),
      from,
    )
  }
  return out
}

/** @throws VitrineError (config) */
export function checkDistillation({ kind, alpha, tau }: Distillation): void {
  const expect = (holds: boolean, message: string): void => {
    if (!holds) throw new VitrineError("config", `distillation: ${message}`)
  }
  expect(kind === "hard" || kind === "soft", `kind must be hard or soft, got ${JSON.stringify(kind)}`)
  expect(alpha >= 0 && alpha <= 1, `alpha must be in [0, 1], got ${alpha}`)
  expect(tau > 0 && tau < Infinity, `tau must be positive, got ${tau}`)
}
