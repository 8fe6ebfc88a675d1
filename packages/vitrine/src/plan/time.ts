import { bytesOf, elementCount, typeOf, nodeFlops, type ValueId } from "@vitrine/core/backend"
import type { Machine, Rates } from "./machine.ts"
import { planGraphs, type PlanSubject } from "./subject.ts"

/** The work of one step: operations of products and of convolutions, bytes that other ops move, and the number of ops. */
export interface StepWork {
  readonly products: number
  readonly convolutions: number
  readonly bytes: number
  readonly nodes: number
  /** How often the host computes between two programs. */
  readonly cuts: number
}

const convolutions: ReadonlySet<string> = new Set(["conv2d", "conv2dInputGrad", "conv2dWeightGrad"])
const free: ReadonlySet<string> = new Set(["input", "state", "constant", "full", "reshape", "barrier"])

/** The work of one update, with all its micro-batches. */
export function stepWork(subject: PlanSubject): StepWork {
  const { accumulate, microBatches } = subject.training
  const work = { products: 0, convolutions: 0, bytes: 0, nodes: 0, cuts: subject.cuts ? accumulate * microBatches : 0 }
  const { steps } = planGraphs(subject)
  for (const { graph: g, batch, runs } of steps) {
    const bytes = (value: ValueId): number => {
      const { shape, dtype } = typeOf(g, value)
      return elementCount(shape, batch) * bytesOf[dtype]
    }
    for (const node of g.nodes) {
      if (free.has(node.op)) continue
      const flops = nodeFlops(g, node, batch)
      const values: readonly ValueId[] = [...node.inputs, ...node.outputs]
      work.nodes += runs
      if (flops === 0) work.bytes += runs * values.reduce((sum, value) => sum + bytes(value), 0)
      else work[convolutions.has(node.op) ? "convolutions" : "products"] += runs * flops
    }
  }
  return work
}

/** Seconds that the processors of one rank work on a step. */
export function processorSeconds(work: StepWork, rates: Rates): number {
  return (
    rates.step +
    work.products / rates.products +
    work.convolutions / rates.convolutions +
    work.bytes / rates.bytes +
    work.nodes * rates.node +
    work.cuts * (rates.cut ?? 0)
  )
}

/** The time of a training on some ranks. */
export interface RankTime {
  readonly ranks: number
  /** Seconds of one step, with its communication and the wait for the slowest rank. */
  readonly step: number
  /** Seconds in which ranks exchange gradients and do not compute. */
  readonly communication: number
  /** Seconds of the wait for the slowest rank. */
  readonly waiting: number
  readonly imagesPerSecond: number
  /** Seconds of the whole run at the same number of images. */
  readonly run: number
  /** Energy of the whole run in joules, if the machine has watts. */
  readonly joules: number | null
}

/** Bytes of a bucket of gradients. PyTorch's default is 25 MiB. */
const bucketBytes = 25 * 2 ** 20
/** Bytes of a gradient on the network: bfloat16. */
const gradientBytes = 2
/** The share of a step in which gradients are computed, and communication may run beside it. */
const backwardShare = 2 / 3

/**
 * The time on ranks that each do a step on a batch of their own, and then average their gradients by a ring
 * (Patarasuk and Yuan, 2009): 2 (n − 1) messages of 1/n of each bucket, each with a latency α and β seconds a byte.
 * All buckets but the last are exchanged while others are computed. Ranks wait for the slowest; times of ranks are
 * normal, and the slowest of n is √(2 ln n) deviations above the mean.
 */
export function rankTime(
  machine: Machine,
  ranks: number,
  seconds: number,
  {
    parameters,
    images,
    totalImages,
  }: { readonly parameters: number; readonly images: number; readonly totalImages: number },
): RankTime {
  const { network = { latency: 50e-6, bandwidth: 1.25e9 }, jitter = 0.02, watts } = machine
  const gradients = parameters * gradientBytes
  const buckets = Math.max(1, Math.ceil(gradients / bucketBytes))
  const ring = (bytes: number): number =>
    ranks === 1 ? 0 : 2 * (ranks - 1) * (network.latency + bytes / ranks / network.bandwidth)
  const each = ring(gradients / buckets)
  const hidden = Math.min((buckets - 1) * each, backwardShare * seconds)
  const communication = buckets * each - hidden
  const waiting = ranks === 1 ? 0 : jitter * seconds * Math.sqrt(2 * Math.log(ranks))
  const step = seconds + communication + waiting
  const run = (step * totalImages) / (images * ranks)
  return {
    ranks,
    step,
    communication,
    waiting,
    imagesPerSecond: (images * ranks) / step,
    run,
    joules: watts === undefined ? null : watts * ranks * run,
  }
}
