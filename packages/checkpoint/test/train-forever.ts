/** A process to be killed: pretends to train into the run folder of its first argument, without end. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { createRun, resumeRun } from "../src/node.ts"
import type { StoredTensor } from "../src/index.ts"

const path = process.argv[2] as string

const filled = (step: number, length: number): StoredTensor => ({
  dtype: "F32",
  shape: [length],
  data: new Float32Array(length).fill(step),
})

const { run, checkpoint } = existsSync(join(path, "config.json"))
  ? await resumeRun(path)
  : { run: await createRun(path, { vitrine: {} }), checkpoint: null }
for (let step = (checkpoint?.step ?? 0) + 1; ; step++) {
  run.appendMetrics({ step, type: "step", loss: 1 / step })
  if (step % 3 !== 0) continue
  run.appendMetrics({ step, type: "evaluation" })
  await run.saveCheckpoint({
    step,
    score: -Math.abs((step % 12) - 6),
    tensors: ["a", "b", "c"].map((name) => [name, filled(step, 20_000)] as const),
    trainingTensors: ["a", "b"].map((name) => [name, filled(step, 40_000)] as const),
    state: { step, seed: 1 },
  })
  process.stdout.write("saved\n")
}
