import { parameterCount, VitrineError } from "@vitrine/core"
import { bytesOf, elementCount } from "@vitrine/core/backend"
import { sumOrder, type TrainingOptions } from "@vitrine/trainer"
import type { BatchedRecipe } from "../order.ts"
import { isMeasured } from "./memory.ts"
import { plannedPeak } from "./plan.ts"
import { forwardGraph, type PlanSubject } from "./subject.ts"

/** A change of a training that may take less memory. */
export interface Way {
  /** What changes. Of ways of one kind the first that fits is enough. */
  readonly kind: string
  /** The flags of `vitrine train` that make the change. */
  readonly flags: string
  subject(): PlanSubject
}

/** A training that is about to begin, and its changes. */
export interface RunPlan {
  readonly subject: PlanSubject
  ways(): Iterable<Way>
}

/** A change of a recipe that may take less memory. */
export interface RecipeChange<Recipe> {
  readonly kind: string
  readonly flags: string
  readonly change: Partial<Recipe>
}

/**
 * The ways of a training: smaller batches, and then each change of its recipe, with the batch as it is and with smaller
 * ones.
 */
export function* waysOf<Recipe extends BatchedRecipe>(
  recipe: Recipe,
  changes: readonly RecipeChange<Recipe>[],
  subjectOf: (recipe: Recipe) => PlanSubject,
): Generator<Way> {
  yield* smallerBatches(subjectOf(recipe))
  for (const { flags: before, batchSize } of batchesBelow(recipe))
    for (const { kind, flags, change } of changes)
      yield {
        kind: `${before}${kind}`,
        flags: `${before}${flags}`,
        subject: () => subjectOf({ ...recipe, batchSize, ...change }),
      }
}

/** Momentum in place of an optimizer with two moments. */
export const momentumChange = (
  training: TrainingOptions,
): readonly RecipeChange<{ readonly training: TrainingOptions }>[] =>
  training.optimizer.name === "sgd"
    ? []
    : [
        {
          kind: "optimizer",
          flags: "--optimizer momentum",
          change: { training: { ...training, optimizer: { name: "sgd", momentum: 0.9 } } },
        },
      ]

/** The same training with fewer images at a time: the same update in parts, then smaller updates. */
function* smallerBatches(subject: PlanSubject): Generator<Way> {
  const { batchSize, training } = subject
  for (const divisor of [2, 4, 8, 16, 32, 64, 128]) {
    if (batchSize % (training.microBatches * divisor) !== 0) break
    yield { kind: "parts", ...inParts(subject, divisor) }
  }
  for (let size = batchSize >> 1; size >= 1; size >>= 1)
    if (size % training.microBatches === 0)
      yield { kind: "batch", flags: `--batch-size ${size}`, subject: () => ({ ...subject, batchSize: size }) }
  if (!training.gradCheckpointing)
    yield {
      kind: "recomputation",
      flags: "--grad-checkpointing",
      subject: () => ({ ...subject, training: { ...training, gradCheckpointing: true } }),
    }
}

/** The same update with parts of a batch that are smaller by a divisor, in the spelling of the training. */
function inParts(subject: PlanSubject, divisor: number): Omit<Way, "kind"> {
  const { batchSize: size, training } = subject
  if (training.accumulate === 1) {
    const microBatches = training.microBatches * divisor
    return {
      flags: `--micro-batches ${microBatches}`,
      subject: () => ({ ...subject, training: { ...training, microBatches } }),
    }
  }
  const [batchSize, accumulate] = [size / divisor, training.accumulate * divisor]
  return {
    flags: `--batch-size ${batchSize} --accumulate ${accumulate}`,
    subject: () => ({ ...subject, batchSize, training: { ...training, accumulate } }),
  }
}

/** The batch size and smaller ones, with the flags that change it. */
function batchesBelow({
  batchSize,
  training: { microBatches },
}: BatchedRecipe): readonly { readonly flags: string; readonly batchSize: number }[] {
  const sizes = [Math.ceil(batchSize / 8), 1].map((size) => microBatches * Math.ceil(size / microBatches))
  const smaller = [...new Set(sizes)].filter((size) => size < batchSize)
  return [{ flags: "", batchSize }, ...smaller.map((size) => ({ flags: `--batch-size ${size} `, batchSize: size }))]
}

/** The most ways that a message names. */
const mostWays = 4
/** A run is called too large from this share of the memory on, since other processes need some too. */
const usable = 0.97

/**
 * Refuses a training that will not fit the memory, and names changes that do. It refuses nothing on backends whose
 * memory was never measured.
 * @param resumes whether the run is resumed, so that only a new one can be changed
 * @throws VitrineError (config)
 */
export async function checkFits(
  { subject, ways }: RunPlan,
  backend: string,
  memory: number,
  resumes: boolean,
): Promise<void> {
  if (!isMeasured(backend) || atMost(subject) < memory) return
  const peak = await plannedPeak(subject, { backend })
  if (peak <= usable * memory) return
  const fitting = new Map<string, string>()
  for (const { kind, flags, subject: changed } of ways()) {
    if (fitting.has(kind)) continue
    const other = await peakOf(changed, backend)
    if (other !== undefined && other <= usable * memory) fitting.set(kind, `${flags} (${gigabytes(other)})`)
    if (fitting.size === mostWays) break
  }
  const list = [...fitting.values()].join("; ")
  throw new VitrineError(
    "config",
    `the run would take about ${gigabytes(peak)} of memory on ${backend}, and there are ${gigabytes(memory)}; ${
      list === "" ? "nothing that was tried fits" : `${resumes ? "in a new run " : ""}these fit: ${list}`
    }; --memory says how much it may take`,
  )
}

/** The peak memory of a change, or undefined if it is impossible, such as recomputation in a model without blocks. */
async function peakOf(changed: Way["subject"], backend: string): Promise<number | undefined> {
  try {
    return await plannedPeak(changed(), { backend })
  } catch (error) {
    if (VitrineError.isInstance(error)) return undefined
    throw error
  }
}

/** More bytes than a training can take, by its forward pass alone. */
function atMost(subject: PlanSubject): number {
  const { values } = forwardGraph(subject)
  const forward = values.reduce(
    (sum, { shape, dtype }) => sum + elementCount(shape, subject.batchSize) * bytesOf[dtype],
    0,
  )
  const { levels } = sumOrder(subject.training)
  return 2e9 + (48 + 10 * levels) * parameterCount(subject.parameters) + 4 * forward
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`
}
