import { type HostData, ops, type Tensor, type TensorType } from "@vitrine/core"

// Gradients of a loss times a large number, so that they do not vanish where they are stored in float16, divided by it
// again before they are used (Micikevicius et al., "Mixed Precision Training", 2018). Where they overflow, the step is
// skipped and the scale halved; after many steps without, it is doubled: PyTorch's GradScaler, with its defaults.

const growthInterval = 2000

const scaleSlot = "lossScale"
const sinceSlot = "lossScale.steps"
const skippedSlot = "lossScale.skipped"

/** What the gradients of this step are multiplied by. */
export const lossScale: Tensor = ops.state(scaleSlot, [])

/** The scale, the steps since it last changed, and how many were skipped. */
export const lossScaleSlots: Readonly<Record<string, TensorType>> = {
  [scaleSlot]: { shape: [], dtype: "float32" },
  [sinceSlot]: { shape: [], dtype: "float32" },
  [skippedSlot]: { shape: [], dtype: "float32" },
}

/** Gradients that overflow at this scale would at any. */
export const leastLossScale: number = 2 ** -16

/** Where those slots start. */
export const firstLossScale: Readonly<Record<string, Float32Array>> = { [scaleSlot]: Float32Array.of(2 ** 16) }

/** How many steps were skipped until now, by the values of slots: the optimizer, which takes none of them, does not count them. */
export const skippedSteps = (values: Readonly<Record<string, HostData>>): number => values[skippedSlot]?.[0] ?? 0

/** What scaled gradients, and their norm, are multiplied by. */
export const unscale = (t: Tensor): Tensor => ops.mul(t, ops.div(1, lossScale))

/** Slots keep what they hold where the norm of the gradients is not finite; the scale follows. */
export function unlessOverflowed(norm: Tensor, updates: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const since = ops.state(sinceSlot, [])
  const finite = ops.cast(ops.isFinite(norm), "float32")
  const grows = ops.greater(since, growthInterval - 1.5)
  const next = Object.entries(updates).map(([name, value]): [string, Tensor] => {
    const holds = ops.greater(ops.broadcastTo(finite, value.shape), 0)
    return [name, ops.where(holds, value, ops.state(name, value.shape))]
  })
  const kept = ops.greater(finite, 0)
  return {
    ...Object.fromEntries(next),
    [scaleSlot]: ops.where(kept, ops.where(grows, ops.mul(lossScale, 2), lossScale), ops.mul(lossScale, 0.5)),
    [sinceSlot]: ops.where(kept, ops.where(grows, 0, ops.add(since, 1)), 0),
    [skippedSlot]: ops.add(ops.state(skippedSlot, []), ops.sub(1, finite)),
  }
}
