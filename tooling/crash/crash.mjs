import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { crc32, deflateSync } from "node:zlib"
import { scenarios } from "./scenarios.mjs"
import { straceFaults } from "./strace.mjs"

const bin = join(dirname(createRequire(import.meta.url).resolve("@vitrine/cli/package.json")), "bin/vitrine.js")
const shim = pathToFileURL(new URL("faults.mjs", import.meta.url).pathname).href

export const kinds = ["kill before", "kill after", "ENOSPC", "EIO"]

/**
 * Runs the command, or another script, with the shim. Returns its exit code or signal, and its output.
 * @param prefix a program that runs it, with its arguments
 */
function run(script, args, env, cwd, prefix = []) {
  const { NODE_OPTIONS: _, VITEST: __, ...own } = process.env
  const [program, ...words] = [...prefix, process.execPath, "--import", shim, script, ...args]
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      cwd,
      env: { ...own, NO_COLOR: "1", ...env },
      stdio: ["ignore", "ignore", "pipe"],
    })
    let stderr = ""
    child.stderr.on("data", (text) => (stderr += text))
    child.on("close", (code, signal) => resolve({ code, signal, stderr }))
  })
}

/** A grey PNG image of 8×8 pixels. Different seeds give different images. */
function png(seed) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.from([0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0])
  const rows = Buffer.from(Array.from({ length: 8 * 9 }, (_, i) => (i % 9 === 0 ? 0 : (i * (seed + 3)) % 256)))
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1")
  const chunks = [chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]
  return Buffer.concat([signature, ...chunks])
}

/** Data of the three tasks: `classes`, `boxes`, `lines`, of 20 images each. */
function makeData(place) {
  const images = Array.from({ length: 20 }, (_, i) => ({ name: `${i}.png`, bytes: png(i) }))
  const folders = ["classes/a", "classes/b", "lines", "boxes"].map((path) => join(place, path))
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  for (const [i, { name, bytes }] of images.entries())
    for (const folder of [folders[i % 2], ...folders.slice(2)]) writeFileSync(join(folder, name), bytes)
  writeFileSync(join(place, "lines/labels.tsv"), images.map(({ name }, i) => `${name}\t${"ab"[i % 2]}`).join("\n"))
  const coco = {
    images: images.map(({ name }, id) => ({ id, file_name: name, width: 8, height: 8 })),
    annotations: images.map((_, id) => ({ id, image_id: id, category_id: id % 2, bbox: [1, 1, 4, 5] })),
    categories: ["a", "b"].map((name, id) => ({ id, name })),
  }
  writeFileSync(join(place, "boxes/annotations.json"), JSON.stringify(coco))
}

/**
 * Runs a command with one fault, then the command that continues, and checks the results of both.
 * @returns the fault in words, or null if all is right
 */
async function trial(scenario, place, opened, expected, fault) {
  const folder = mkdtempSync(join(place, "trial-"))
  try {
    const out = join(folder, "out")
    const { script = bin } = scenario
    const env = opened.env(out)
    const first = await run(script, scenario.command(out, opened), { ...env, ...fault.env }, place, fault.prefix)
    const lines = first.stderr
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("vitrine: "))
    if (/unexpected error|\n\s+at /.test(first.stderr)) return `said ${first.stderr.trim().slice(-300)}`
    if (first.signal === null && first.code !== 0 && lines.length !== 1)
      return `ended with ${first.code} and ${lines.length} messages: ${first.stderr.trim().slice(-300)}`
    const again = scenario.again(out, (file) => existsSync(join(out, file))) ?? scenario.command(out, opened)
    const second = await run(script, again, env, place)
    if (second.code !== 0) return `the next command ended with ${second.code}: ${second.stderr.trim().slice(-300)}`
    if (scenario.outcome(out) !== expected) return "the next command ended with other bytes"
    const left = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /(^|\/)\./.test(name))
    return left.length === 0 ? null : `left behind: ${left.join(", ")}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The faults of the shim: each kind at each operation. */
function shimFaults(operations) {
  return Array.from({ length: operations * kinds.length }, (_, place) => {
    const at = 1 + Math.floor(place / kinds.length)
    // Another kind comes first at each operation, so that a part of all has every kind.
    const kind = kinds[(place + at - 1) % kinds.length]
    return { text: `${kind} at operation ${at} of ${operations}`, env: { CRASH_AT: String(at), CRASH_FAULT: kind } }
  })
}

/** `count` of all faults, spread evenly. */
function spread(all, count) {
  const step = Math.max(1, all.length / count)
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * step)])
}

/**
 * Runs trials of a scenario.
 * @param {{ name: string, count: number, strace?: boolean, onTrial?: (text: string) => void }} options `strace` puts
 *   the faults at system calls
 * @returns {Promise<{ operations: number, trials: number, faults: string[] }>}
 */
export async function crash({ name, count, strace = false, onTrial = () => {} }) {
  const scenario = scenarios.find((each) => each.name === name)
  const place = mkdtempSync(join(tmpdir(), "vitrine-crash-"))
  const opened = (await scenario.open?.(place)) ?? { env: () => ({}), close() {} }
  try {
    makeData(place)
    const whole = join(place, "whole")
    const counter = join(place, "count")
    const { script = bin } = scenario
    const env = { ...opened.env(whole), CRASH_COUNT: counter }
    const { code, stderr } = await run(script, scenario.command(whole, opened), env, place)
    if (code !== 0) throw new Error(`${name} fails by itself: ${stderr}`)
    const operations = Number(readFileSync(counter, "utf8"))
    const expected = scenario.outcome(whole)
    const again = join(place, "again")
    const traced = ({ prefix, env }) =>
      run(script, scenario.command(again, opened), { ...opened.env(again), ...env }, place, prefix)
    const all = strace ? await straceFaults(traced) : shimFaults(operations)
    const trials = spread(all, count)
    const faults = []
    for (const fault of trials) {
      const wrong = await trial(scenario, place, opened, expected, fault)
      onTrial(`${name}: ${fault.text}: ${wrong ?? "as it should be"}`)
      if (wrong !== null) faults.push(`${fault.text}: ${wrong}`)
    }
    return { operations: strace ? all.length / 2 : operations, trials: trials.length, faults }
  } finally {
    opened.close()
    rmSync(place, { recursive: true, force: true })
  }
}
