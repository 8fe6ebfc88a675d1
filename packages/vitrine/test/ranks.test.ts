import { mkdtemp, readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readMetrics } from "@vitrine/checkpoint/node"
import { flip, padCrop } from "@vitrine/data"
import { resnetConfig } from "@vitrine/resnet"
import type { Communicator } from "@vitrine/trainer"
import { beforeAll, expect, test } from "vitest"
import { loopback } from "../../trainer/test/loopback.ts"
import { train, trainDetector, trainReader } from "../src/node.ts"

const stored = (path: string): string => fileURLToPath(new URL(`stored/data/${path}`, import.meta.url))
const short = { steps: 4, evaluateEvery: 2, batchSize: 4, microBatches: 4, ema: 0.9, clip: 0.5 }
const { ema: _ema, ...plain } = short
const vit = { imageSize: [16, 16], patchSize: [8, 8], dim: 8, depth: 1, heads: 2, mlpDim: 8, dropout: 0.1 } as const
const backbone = {
  kind: "resnet",
  config: resnetConfig({ block: "basic", stemWidth: 8, widths: [8, 8], depths: [1, 1], norm: "group" }),
} as const
const detr = { backbone, dim: 8, heads: 2, queries: 6, encoderDepth: 1, decoderDepth: 1, mlpDim: 8, dropout: 0.1 }

interface Place {
  readonly out?: string
  readonly resume?: string
  readonly ranks?: Communicator
}
type Run = (place: Place) => AsyncIterable<{ readonly type: string; readonly step?: number }>
const options = { seed: 4, workers: 0, backend: "onnx", threads: 1 }

const tasks: Readonly<Record<string, Run>> = {
  classes: (place) =>
    train({
      ...options,
      ...(place.resume === undefined && {
        data: stored("pictures"),
        recipe: { ...short, model: vit, augment: [padCrop(2), flip()], mix: { mixup: 0.2, cutmix: 1 } },
      }),
      ...place,
    }),
  boxes: (place) =>
    trainDetector({
      ...options,
      ...(place.resume === undefined && {
        data: stored("scenes/annotations.json"),
        recipe: { ...plain, model: detr, imageSize: [32, 32] },
      }),
      ...place,
    }),
  text: (place) =>
    trainReader({
      ...options,
      ...(place.resume === undefined && {
        data: stored("lines"),
        recipe: { task: "read", ...short, model: { dim: 8, heads: 2, encoderDepth: 1, decoderDepth: 1, mlpDim: 8 } },
      }),
      ...place,
    }),
}

async function collect(events: ReturnType<Run>): Promise<void> {
  for await (const _ of events);
}

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-ranks-"))
})

/** Trains on ranks in this process, each with an engine of its own. */
const together = async (run: Run, count: number, at: Place): Promise<void> => {
  await Promise.all(loopback(count).ranks.map((ranks) => collect(run({ ...at, ranks }))))
}

const weights = (run: string): Promise<Uint8Array> =>
  readFile(join(run, "checkpoints", "step-00000004", "model.safetensors"))
const figures = async (run: string): Promise<unknown> =>
  (await readMetrics(join(run, "metrics.jsonl"))).map(
    ({ imagesPerSecond: _rate, waiting: _waiting, eta: _eta, ...event }) => event,
  )

test.each(Object.entries(tasks))("ranks train to the bytes of one process: %s", async (name, run) => {
  const [alone, out] = [join(place, `${name}-1`), join(place, `${name}-2`)]
  await collect(run({ out: alone }))
  await together(run, 2, { out })
  expect(await weights(out)).toEqual(await weights(alone))
  expect(await figures(out)).toEqual(await figures(alone))
})

test("4 ranks go on with what one process has saved, of which they know nothing else", async () => {
  const out = join(place, "stopped")
  const run = tasks["classes"] as Run
  for await (const event of run({ out })) if (event.type === "checkpoint" && event.step === 2) break
  await together(run, 4, { resume: out })
  expect(await weights(out)).toEqual(await weights(join(place, "classes-1")))
})
