import { type HostData, ops, type Tensor } from "@vitrine/core"

// Gradients of a loss times a large number, so that they do not vanish where they are stored in float16, divided by it
// again before they are used (Micikevicius et al., "Mixed Precision Training", 2018). Where they overflow, the step is
// skipped and the scale halved; after many steps without, it is doubled: PyTorch's GradScaler, with its defaults.

const growthInterval = 2000

const scaleSlot = "lossScale"
const sinceSlot = "lossScale.steps"
const skippedSlot = "lossScale.skipped"

/** The factor of this step's loss, and so of its gradients. */
export const lossScale: Tensor = ops.state(scaleSlot, [])

/** The slots of the scale, of the steps since it last changed, and of the number of skipped steps. */
export const lossScaleSlots: readonly string[] = [scaleSlot, sinceSlot, skippedSlot]

/** Gradients that overflow at this scale would at any. */
export const leastLossScale: number = 2 ** -16

/** The values that these slots start with. The others start at 0. */
export const firstLossScale: Readonly<Record<string, Float32Array>> = { [scaleSlot]: Float32Array.of(2 ** 16) }

/** How many steps were skipped until now, by the values of slots. The optimizer does not count them. */
export const skippedSteps = (values: Readonly<Record<string, HostData>>): number => values[skippedSlot]?.[0] ?? 0

/** Scaled gradients, or their norm, divided by the scale. */
export const unscale = (t: Tensor): Tensor => ops.mul(t, ops.div(1, lossScale))

/** Updates that leave the slots as they are where the norm of the gradients is not finite, and the next scale. */
export function unlessOverflowed(norm: Tensor, updates: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const since = ops.state(sinceSlot, [])
  const finite = ops.cast(ops.isFinite(norm), "float32")
  const grows = ops.greater(since, growthInterval - 1.5)
  const next = Object.entries(updates).map(([name, value]): [string, Tensor] => {
    const takes = ops.greater(ops.broadcastTo(finite, value.shape), 0)
    return [name, ops.where(takes, value, ops.state(name, value.shape))]
  })
  const taken = ops.greater(finite, 0)
  return {
    ...Object.fromEntries(next),
    [scaleSlot]: ops.where(taken, ops.where(grows, ops.mul(lossScale, 2), lossScale), ops.mul(lossScale, 0.5)),
    [sinceSlot]: ops.where(taken, ops.where(grows, 0, ops.add(since, 1)), 0),
    [skippedSlot]: ops.add(ops.state(skippedSlot, []), ops.sub(1, finite)),
  }
}
