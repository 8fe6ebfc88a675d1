// Exported files against each other: node exported.mjs [--rounds 15] [--batch 1] [--threads 2] FIRST.onnx OTHER.onnx …
// Each round runs every file once on the same pixels; told are the medians, and those of the ratios to the first file.
import { parseArgs } from "node:util"
import { InferenceSession, Tensor } from "onnxruntime-node"

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "15" },
    batch: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
  },
})
const [rounds, batch, threads] = [values.rounds, values.batch, values.threads].map(Number)
const warmup = 2

const options = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 }
const sessions = await Promise.all(files.map((file) => InferenceSession.create(file, options)))
const [, ...size] = sessions[0].inputMetadata[0].shape
const count = size.reduce((n, side) => n * side, batch)
const pixels = new Tensor(
  "float32",
  Float32Array.from({ length: count }, (_, i) => 2 * Math.sin(i / 100)),
  [batch, ...size],
)

const times = files.map(() => [])
const outputs = []
for (let round = -warmup; round < rounds; round++)
  for (const [i, session] of sessions.entries()) {
    const start = performance.now()
    const made = await session.run({ [session.inputNames[0]]: pixels })
    if (round >= 0) times[i].push(performance.now() - start)
    outputs[i] = made[session.outputNames.at(-1)].data
  }

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]
for (const [i, file] of files.entries()) {
  const ratio = median(times[i].map((time, round) => time / times[0][round]))
  const apart = outputs[i].reduce((worst, value, k) => Math.max(worst, Math.abs(value - outputs[0][k])), 0)
  console.log(`${ratio.toFixed(2)} ×  ${median(times[i]).toFixed(1)} ms  ${apart.toExponential(1)} apart  ${file}`)
}
