// From disk to the first prediction, each time in a process of its own, in interleaved pairs with PyTorch:
//   node bench/load.mjs --model FOLDER --image PHOTO [--python PYTHON] [--pairs 7]
// "meta" is timm's model made without the random values that the weights replace, and given the file's own memory.
// FOLDER as timm (or, with transformers beside, Hugging Face) publishes it, or a Google .npz of ViT-B/16. The memory of a
// process is its peak; its base is that of one that has loaded the same engine and no model.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    image: { type: "string" },
    python: { type: "string" },
    pairs: { type: "string", default: "7" },
  },
})
const { model, image, python } = values
const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const node = ["--import", new URL("peak.mjs", import.meta.url).href]
const command = here("../../../apps/cli/bin/vitrine.js")
const contenders = {
  "vitrine predict": [process.execPath, ...node, command, "predict", "--model", model, image, "--json", "--logits"],
  "load().logits()": [process.execPath, ...node, here("load-first.mjs"), model, image],
  ...(python === undefined ? {} : { PyTorch: [python, here("load.py"), model, image] }),
  ...(python === undefined ? {} : { "PyTorch, meta": [python, here("load.py"), model, image, "meta"] }),
}
const bases = {
  "vitrine predict": [process.execPath, ...node, here("load-first.mjs")],
  "load().logits()": [process.execPath, ...node, here("load-first.mjs")],
  PyTorch: [python, here("load.py")],
  "PyTorch, meta": [python, here("load.py")],
}

/** The time of a process in ms, its peak in MiB, and its last line, in JSON. */
async function run([program, ...args]) {
  const start = performance.now()
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit", "pipe"] })
  const [out, peak] = [child.stdout, child.stdio[3]].map((stream) => {
    const chunks = []
    stream.on("data", (chunk) => chunks.push(chunk))
    return chunks
  })
  const [code] = await once(child, "close")
  const ms = performance.now() - start
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with code ${code}`)
  const text = Buffer.concat(out).toString().trim()
  return {
    ms,
    peak: Number(Buffer.concat(peak)) / 1024,
    answer: text === "" ? {} : JSON.parse(text.split("\n").at(-1)),
  }
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1]
const weights = statSync(model).isFile() ? model : join(model, "model.safetensors")
const mib = statSync(weights).size / 2 ** 20
const load = () => Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0])
const runs = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
const loads = [load()]
for (const name of Object.keys(contenders)) await run(contenders[name])
for (let i = 0; i < Number(values.pairs); i++) {
  for (const [name, line] of Object.entries(contenders)) runs[name].push(await run(line))
  loads.push(load())
}

const logitsOf = ({ logits, results }) => logits ?? results[0].logits
const own = logitsOf(runs["vitrine predict"][0].answer)
console.log(`${weights}: ${mib.toFixed(0)} MiB; the machine's load was ${loads[0]} to ${loads.at(-1)}`)
for (const [name, all] of Object.entries(runs)) {
  const base = (await run(bases[name])).peak
  const peak = median(all.map((one) => one.peak))
  const inside = all.map(({ answer }) => answer.afterImports).filter(Number.isFinite)
  const apart = Math.max(...logitsOf(all[0].answer).map((value, i) => Math.abs(value - own[i])))
  console.log(
    [
      `  ${name.padEnd(16)} ${median(all.map(({ ms }) => ms)).toFixed(0)} ms`,
      ...(inside.length > 0 ? [`${median(inside).toFixed(0)} ms after imports`] : []),
      `peak ${peak.toFixed(0)} MiB, above its base (${base.toFixed(0)}) ${((peak - base) / mib).toFixed(2)} × the file`,
      `logits apart ${apart.toExponential(1)}`,
    ].join("; "),
  )
}
for (const peer of ["PyTorch", "PyTorch, meta"])
  for (const name of runs[peer] === undefined ? [] : ["vitrine predict", "load().logits()"]) {
    const ratios = runs[name].map(({ ms }, i) => ms / runs[peer][i].ms)
    const inside = runs[name].map(({ answer }, i) => answer.afterImports / runs[peer][i].answer.afterImports)
    const after = Number.isFinite(inside[0]) ? `, after imports ${median(inside).toFixed(2)} ×` : ""
    console.log(`  ${name} / ${peer}: ${median(ratios).toFixed(2)} ×${after}`)
  }
