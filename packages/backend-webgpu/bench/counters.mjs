// What a step asks of a device, counted on Dawn's null adapter, which runs nothing:
//   node bench/counters.mjs [--runs 30] [--steps 10000 for memory alone]
// Dispatches, submits, new buffers and new bind groups a step, and the CPU time of this process (its validation
// included), at steady state; bytes of all buffers.
import { parseArgs } from "node:util"
import { globals } from "webgpu"
import { webgpuBackend } from "@vitrine/backend-webgpu/node"
import { configs, inference, inputsOf, slotsOf, training } from "./steps.mjs"

const { values } = parseArgs({ options: { runs: { type: "string", default: "30" }, steps: { type: "string" } } })
const runs = Number(values.runs)

const counts = {}
const counted = [
  ["GPUComputePassEncoder", "dispatchWorkgroups", "dispatches"],
  ["GPUQueue", "submit", "submits"],
  ["GPUDevice", "createBuffer", "buffers"],
  ["GPUDevice", "createBindGroup", "bindGroups"],
  ["GPUQueue", "writeBuffer", "writes"],
]
let bytes = 0
function count() {
  for (const [type, method, name] of counted) {
    const { prototype } = globals[type]
    const original = prototype[method]
    counts[name] = 0
    prototype[method] = function (...args) {
      counts[name]++
      if (name === "buffers") bytes += args[0].size
      return original.apply(this, args)
    }
  }
  const { destroy } = globals.GPUBuffer.prototype
  globals.GPUBuffer.prototype.destroy = function () {
    bytes -= this.size
    return destroy.call(this)
  }
  return () => {
    for (const [type, method, name] of counted) {
      void type
      void method
      counts[name] = 0
    }
  }
}
const reset = count()
const open = () => webgpuBackend({ software: true, dawn: ["backend=null"] })

async function measure(model, what, batch) {
  const config = configs[model]
  const before = bytes
  const backend = await open()
  const g = what === "infer" ? inference(config) : training(config)
  const started = performance.now()
  const program = await backend.compile(g, { batch })
  const compile = performance.now() - started
  const { slots, data } = slotsOf(g, config)
  const state = await backend.createState(slots, data)
  const inputs = inputsOf(g, config, batch)
  for (let i = 0; i < 5; i++) await program.run(inputs, state)
  reset()
  const times = []
  for (let i = 0; i < runs; i++) {
    const from = process.cpuUsage()
    await program.run(inputs, state)
    const { user, system } = process.cpuUsage(from)
    times.push((user + system) / 1000)
  }
  times.sort((a, b) => a - b)
  const perStep = Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, n / runs]))
  const line = {
    model,
    what,
    batch,
    ...perStep,
    cpuMs: times[runs >> 1],
    compileMs: Math.round(compile),
    MB: (bytes - before) / 2 ** 20,
  }
  if (values.steps && what === "train") {
    const heap = []
    for (let i = 0; i < Number(values.steps); i++) {
      await program.run(inputs, state)
      if (i % Math.ceil(Number(values.steps) / 5) === 0) {
        globalThis.gc?.()
        heap.push(`${Math.round(process.memoryUsage().rss / 2 ** 20)}`)
      }
    }
    line.rssMB = heap.join(" ")
    line.endMB = (bytes - before) / 2 ** 20
  }
  await state.dispose()
  await program.dispose()
  await backend.close()
  console.log(JSON.stringify(line))
}

const cases = values.steps
  ? [["tiny", "train", 8]]
  : [
      ["ti16", "infer", 1],
      ["ti16", "train", 1],
      ["ti16", "train", 4],
      ["s32", "infer", 8],
      ["s32", "train", 8],
    ]
for (const each of cases) await measure(...each)
process.exit(0)
