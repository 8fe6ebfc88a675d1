import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { withIo } from "../dist/output.js"
import { noteHardlyLearned } from "../dist/show/learned.js"
import { reporter } from "../dist/show/progress.js"
import { bytes, count, duration, metric, percent, quoted, short } from "../dist/show/text.js"
import { temporaryFolder } from "./vitrine.ts"

/** What is written to the standard error. */
async function written(action: () => Promise<void>): Promise<string> {
  let text = ""
  const output = { write: (part: string) => (text += part) }
  await withIo({ stdout: output, stderr: output, exit: () => {}, whenReaderLeaves: () => {} }, action)
  return text
}

test("the loss that is shown is the mean of the last fifty steps", async () => {
  const text = await written(async () => {
    const report = reporter("run", { header: () => "", evaluation: () => ({ score: 0, text: "" }) })
    const start = { step: 0, steps: 100, stepsPerEpoch: 10, parameters: 7, frozen: 3, backend: "onnx", device: "cpu" }
    report.event({ type: "start", ...start }, [])
    const rest = { epoch: 0, learningRate: 1, imagesPerSecond: 1, waiting: 0, eta: 0 }
    for (let step = 1; step <= 100; step++) report.event({ type: "step", step, loss: step, ...rest }, [])
    report.close()
  })
  expect(text).toMatch(/learns +7 parameters; 3 do not change\n/)
  // The means of 1 … 20 and of 51 … 100.
  expect(text).toMatch(/step 20\/100 .* loss 10\.500/)
  expect(text).toMatch(/step 100\/100 .* loss 75\.500/)
})

test("a run that has hardly learned says so, by its best evaluation", async () => {
  const run = temporaryFolder()
  const metrics = (...scores: readonly number[]): void => {
    const lines = scores.map((ap, i) => JSON.stringify({ type: "evaluation", step: i + 1, ap }))
    writeFileSync(join(run, "metrics.jsonl"), `${lines.join("\n")}\n`)
  }
  metrics(0.01, 0.03, 0.02)
  expect(await written(() => noteHardlyLearned(run))).toMatch(/has hardly learned \(AP 3\.0 % at step 2\)/)
  metrics(0.01, 0.4)
  expect(await written(() => noteHardlyLearned(run))).toBe("")
  expect(await written(() => noteHardlyLearned(join(run, "nothing")))).toBe("")
})

test("numbers are written to the digits that are shown, with their unit", () => {
  expect([count(1234567), count(0.6), percent(0.98765), percent(0.5, 0)]).toEqual(["1,234,567", "1", "98.8 %", "50 %"])
  expect([short(0), short(12345.67), short(0.00012345), short(1234567)]).toEqual(["0", "12350", "1.23e-4", "1.23e6"])
  expect([bytes(0), bytes(999), bytes(1500), bytes(2_345_678_901)]).toEqual(["0 B", "999 B", "1.5 KB", "2.35 GB"])
  expect([metric(950), metric(6_950_000), metric(1000)]).toEqual(["950", "6.95 M", "1 k"])
  expect([duration(59.6), duration(61), duration(3661)]).toEqual(["1:00", "1:01", "1:01:01"])
})

test("a path is a word of a shell, which shows no control characters", () => {
  expect(["a/b-1", "a b", "it's"].map(quoted)).toEqual(["a/b-1", "'a b'", "'it'\\''s'"])
  expect(quoted("a\x1b[31m'\\\nb")).toBe("$'a\\u001b[31m\\'\\\\\\u000ab'")
})
