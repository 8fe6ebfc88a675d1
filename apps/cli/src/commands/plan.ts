import { readJson, writeFileAtomic } from "@vitrine/checkpoint/node"
import { checkMachine, type Machine, type Plan, plan, type PlannedTraining, type TaskName, VitrineError } from "vitrine"
import { rowNames } from "@vitrine/core"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { create } from "../backends.ts"
import type { Flags } from "../flags/flag.ts"
import { type EngineValues, engineOptions } from "../flags/machine.ts"
import { groups, trainFlags } from "../flags/train.ts"
import { countsValue } from "../flags/values.ts"
import { loadRecipe } from "../recipes/load.ts"
import { measureMachine } from "../machine.ts"
import { colors, note, print } from "../output.ts"
import { stepText } from "../show/progress.ts"
import { bytes, count, duration, metric, short, titledTable } from "../show/text.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"
import { refusal, taskOfRecipe } from "./train.ts"

const group = "Plan:"

const planFlags = {
  hardware: {
    group,
    value: "<file>",
    help: 'a machine file (JSON), or "measure", which measures this machine on the backend in half a minute; default: no times',
  },
  save: { group, value: "<file>", help: "with --hardware measure: write the machine to this file" },
  ranks: { group, value: "<a,b,…>", help: "numbers of ranks; default: 1,8,64,1000", parse: countsValue },
} as const satisfies Flags

const notes = `
FLOPs: 2 for each multiply-accumulate of matrix products and convolutions, as PyTorch counts them; timm's "GMACs" are half.
peak: the greatest resident memory of the whole process of "vitrine train", from a formula of the backend. Its
factors fit runs that we measured. On webgpu the peak includes the device's memory.
time: processor seconds of a step, from the rates in the file. The ranks form a ring and average gradients in bfloat16, in
buckets of 25 MiB. The backward pass hides the time of all buckets but the last. The slowest of n ranks is √(2 ln n)
deviations late.

A machine file:
  {"name": "two cores", "memory": 8e9, "watts": 65, "cores": 2, "jitter": 0.02,
   "network": {"latency": 5e-5, "bandwidth": 1.25e9},
   "backends": {"onnx": {"products": 6e10, "convolutions": 3e10, "bytes": 5e9, "node": 1e-5, "step": 0.01}}}
`

/** `vitrine plan`. It accepts the flags of `train` that change the plan, a machine, and numbers of ranks. */
export async function planCommand(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.train())
  const { data, recipe, epochs, steps, batchSize, microBatches, accumulate, optimizer, ...more } = trainFlags
  const { gradCheckpointing, freeze, ...others } = more
  const { backend, precision, threads, seed, valFraction } = others
  const cut = { batchSize, microBatches, accumulate }
  const training = { data, recipe, epochs, steps, ...cut, optimizer, gradCheckpointing, freeze }
  const flags = {
    ...training,
    backend,
    precision,
    threads,
    seed,
    valFraction,
    ...planFlags,
    json: { help: "one JSON document" },
    task: { group: groups.training, value: "<name>", help: "classify, masked-patch, detect …; default: classify" },
  } as const
  return defineCommand({
    flags,
    taskFlags: parts.flags,
    groups: [group, ...Object.values(groups)],
    examples: [
      ["vitrine plan --model L/16 --batch-size 32", "on ImageNet's images"],
      ["vitrine plan --model Ti/16 --data flowers --hardware machine.json", "with times on a machine"],
      ["vitrine plan --model R50x1 --batch-size 64 --hardware cluster.json --ranks 1,64", ""],
      ["vitrine plan --task detect --data scenes --backend node-cpu --json", '{"model":…'],
    ],
    notes: () => notes,
    async run(_, values, names) {
      const loaded = values.recipe === undefined ? {} : await loadRecipe(values.recipe)
      const name = values.task ?? taskOfRecipe(loaded)
      const row = parts.rows.find(({ part }) => Object.hasOwn(part.objectives, name))
      if (row === undefined) throw new UsageError(`--task ${name}: there is no such task`)
      const part = parts.of(row.task, names, refusal)
      const options = await part.planned(values, loaded)
      const { backend: choice, precision, ranks, hardware, save } = values
      const backendName = choice === "auto" ? "onnx" : choice
      if (save !== undefined && hardware !== "measure") throw new UsageError("--save needs --hardware measure")
      const machine = await machineOf(hardware, backendName, values)
      if (save !== undefined && machine !== undefined)
        await writeFileAtomic(save, `${JSON.stringify(machine, null, 2)}\n`)
      const planned = await plan(
        { task: nameOf(row.task), options },
        { backend: backendName, precision, ranks, machine },
      )
      if (values.json) print(JSON.stringify(planned))
      else report(planned, machine?.name)
    },
  })
}

/** Reads the machine from a file or measures this one. Without `hardware` there is no machine. */
async function machineOf(
  hardware: string | undefined,
  name: string,
  engine: EngineValues,
): Promise<Machine | undefined> {
  if (hardware === undefined) return undefined
  if (hardware !== "measure") return checkMachine(await readJson(hardware), hardware)
  const backend = await create(name, engineOptions(engine))
  try {
    return await measureMachine(backend, (done, all) => note(`measuring ${name}: ${done + 1} of ${all}`))
  } finally {
    await backend.close()
  }
}

/** The name of a task in the library. */
function nameOf(task: (typeof tasks)[TaskName]): NonNullable<PlannedTraining["task"]> {
  const name = rowNames(tasks).find((each) => tasks[each] === task)
  if (name === undefined) throw new VitrineError("config", "this task has no name")
  return name
}

function report(planned: Plan, machine: string | undefined): void {
  const { bold, dim } = colors
  const { model, parameters, flops, parts, memory, variants, batchSize, steps, backend } = planned
  print(bold(model))
  if (planned.assumedData !== null) print(dim(`no --data: planned as on ${planned.assumedData}`))
  print(
    `${count(parameters)} parameters, ${metric(flops)} FLOPs an image, ${metric(planned.trainingFlops)} in ${count(steps)} steps`,
  )
  print("")
  const right = [1, 2]
  print(
    titledTable(
      ["part", "parameters", "FLOPs/image"],
      parts.map((part) => [part.name, count(part.parameters), metric(part.flops)]),
      right,
    ),
  )
  print("")
  const images = `${stepText(batchSize, planned, "images")} a step`
  print(bold(`Peak memory ${bytes(memory.peak)} on ${backend}, ${images}`))
  const width = Math.max(...Object.keys(memory.parts).map((name) => name.length))
  for (const [name, n] of Object.entries(memory.parts))
    print(`  ${name.padEnd(width)}  ${bytes(n).padStart(8)}  ${dim("█".repeat(Math.round((40 * n) / memory.peak)))}`)
  print("")
  print(
    titledTable(
      ["otherwise", "peak"],
      variants.map((each) => [
        [
          each.backend,
          ...(each.gradCheckpointing ? ["--grad-checkpointing"] : []),
          ...(each.precision === "float16" ? ["--precision float16"] : []),
        ].join(" "),
        bytes(each.peak),
      ]),
      [1],
    ),
  )
  print(dim("On webgpu no run was measured: the base and the factors of its memory are guesses."))
  if (planned.processorSeconds === null) return
  print("")
  print(bold(`${short(planned.processorSeconds)} processor seconds a step on ${machine ?? "the machine"}`))
  print(
    titledTable(
      ["ranks", "step", "exchange", "waiting", "images/s", "run", "energy"],
      planned.ranks.map((each) => [
        count(each.ranks),
        `${short(each.step)} s`,
        `${short(each.communication)} s`,
        `${short(each.waiting)} s`,
        short(each.imagesPerSecond),
        duration(each.run),
        each.joules === null ? "–" : `${short(each.joules / 3.6e6)} kWh`,
      ]),
      [0, 1, 2, 3, 4, 5, 6],
    ),
  )
}
