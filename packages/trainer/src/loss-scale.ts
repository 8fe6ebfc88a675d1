import { type HostData, ops, type Tensor } from "@vitrine/core"

// Small gradients vanish in float16. So the loss is multiplied by a large scale, and the gradients are divided by it
// before they are used (Micikevicius et al., "Mixed Precision Training", 2018). If the gradients overflow, the step is
// skipped and the scale is halved. After many steps without overflow it is doubled. PyTorch's GradScaler does the same
// with the same defaults.

const growthInterval = 2000

const scaleSlot = "lossScale"
const sinceSlot = "lossScale.steps"
const skippedSlot = "lossScale.skipped"

/** The factor of this step's loss, and so of its gradients. */
export const lossScale: Tensor = ops.state(scaleSlot, [])

/** The slots of the scale, of the number of steps since the scale last changed, and of the number of skipped steps. */
export const lossScaleSlots: readonly string[] = [scaleSlot, sinceSlot, skippedSlot]

/** The smallest scale. Gradients that overflow at this scale would overflow at any. */
export const leastLossScale: number = 2 ** -16

/** The starting value of the scale. The other slots start at 0. */
export const firstLossScale: Readonly<Record<string, Float32Array>> = { [scaleSlot]: Float32Array.of(2 ** 16) }

/** The number of skipped steps so far, from the values of slots. The optimizer does not count these steps. */
export const skippedSteps = (values: Readonly<Record<string, HostData>>): number => values[skippedSlot]?.[0] ?? 0

/** Scaled gradients, or their norm, divided by the scale. */
export const unscale = (t: Tensor): Tensor => ops.mul(t, ops.div(1, lossScale))

/**
 * Guards the updates: if the norm of the gradients is not finite, the slots keep their values. Also updates the scale.
 */
export function unlessOverflowed(norm: Tensor, updates: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const since = ops.state(sinceSlot, [])
  const finite = ops.cast(ops.isFinite(norm), "float32")
  const grows = ops.greater(since, growthInterval - 1.5)
  const next = Object.entries(updates).map(([name, value]): [string, Tensor] => {
    const takes = ops.greater(ops.broadcastTo(finite, value.shape), 0)
    return [name, ops.where(takes, value, ops.state(name, value.shape))]
  })
  const updated = ops.greater(finite, 0)
  return {
    ...Object.fromEntries(next),
    [scaleSlot]: ops.where(updated, ops.where(grows, ops.mul(lossScale, 2), lossScale), ops.mul(lossScale, 0.5)),
    [sinceSlot]: ops.where(updated, ops.where(grows, 0, ops.add(since, 1)), 0),
    [skippedSlot]: ops.add(ops.state(skippedSlot, []), ops.sub(1, finite)),
  }
}
