import { createHash } from "node:crypto"
import { cp, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  evaluate,
  evaluateDetector,
  evaluateReader,
  load,
  loadDetector,
  loadReader,
  train,
  trainDetector,
  trainReader,
} from "../src/node.ts"

// Runs that earlier code has written: see stored/README.md.

const stored = (...path: string[]): string => fileURLToPath(new URL(["stored", ...path].join("/"), import.meta.url))
const backend = "reference"
const picture = stored("data/pictures/circle/0.png")

type Events = AsyncIterable<{ readonly type: string; readonly loss?: number }>
type Options = { readonly backend: string; readonly data: string; readonly workers: number; readonly resume: string }

interface Kind {
  readonly data: string
  readonly train: (options: Options) => Events
  /** What the model says of an example. */
  readonly answer: (run: string) => Promise<unknown>
  readonly evaluate?: (run: string, options: { readonly data: string; readonly backend: string }) => Promise<object>
}

async function logits(run: string): Promise<unknown> {
  const model = await load(run, { backend })
  const [values = []] = await model.logits([picture]).finally(model.close)
  return [...values]
}

const kinds: Readonly<Record<string, Kind>> = {
  classify: { data: "pictures", train, answer: logits, evaluate: validate },
  resnet: { data: "pictures", train, answer: logits, evaluate: validate },
  "masked-patch": {
    data: "pictures",
    train,
    async answer(run) {
      const model = await load(run, { backend })
      return [...(await model.embed(picture).finally(model.close))]
    },
  },
  detect: {
    data: "scenes/annotations.json",
    train: trainDetector,
    async answer(run) {
      const detector = await loadDetector(run, { backend })
      const detections = await detector.detect(stored("data/scenes/0.png"), { threshold: 0 }).finally(detector.close)
      return Object.values(detections).map((values) => [...values])
    },
    evaluate: evaluateDetector,
  },
  read: {
    data: "lines",
    train: trainReader,
    async answer(run) {
      const reader = await loadReader(run, { backend })
      return reader.read([stored("data/lines/0.png")]).finally(reader.close)
    },
    evaluate: evaluateReader,
  },
}

/** The data have moved, so that they are another folder to `evaluate`, which measures all of it unless a split is named. */
function validate(run: string, options: { readonly data: string; readonly backend: string }): Promise<object> {
  return evaluate(run, { ...options, split: "val" })
}

interface Expected {
  readonly answer: unknown
  readonly evaluation: object | null
  readonly losses: readonly number[]
  readonly digests: Readonly<Record<string, string>>
}

let expected: Readonly<Record<string, Expected>>
let place: string
beforeAll(async () => {
  expected = JSON.parse(await readFile(stored("expected.json"), "utf8"))
  place = await mkdtemp(join(tmpdir(), "vitrine-stored-"))
})
afterAll(() => rm(place, { recursive: true, force: true }))

describe.each(Object.entries(kinds))("a stored run of %s", (name, { data, train, answer, evaluate }) => {
  const run = stored(name)

  test("answers as it did", async () => {
    expect(await answer(run)).toEqual(expected[name]?.answer)
  })

  test.runIf(evaluate)("is measured as it was", async () => {
    const evaluation = await evaluate?.(run, { data: stored("data", data), backend })
    expect(evaluation).toMatchObject(expected[name]?.evaluation ?? {})
  })

  test("is resumed to the same bytes", async () => {
    const copy = join(place, name)
    await cp(run, copy, { recursive: true })
    const losses: number[] = []
    for await (const event of train({ backend, data: stored("data", data), workers: 0, resume: copy }))
      if (event.type === "step" && event.loss !== undefined) losses.push(event.loss)
    expect(losses).toEqual(expected[name]?.losses)
    for (const [file, digest] of Object.entries(expected[name]?.digests ?? {})) {
      const bytes = await readFile(join(copy, "checkpoints/step-00000004", file))
      expect(createHash("sha256").update(bytes).digest("hex"), file).toBe(digest)
    }
  })
})

test("a model that reads is measured on the splits that lines have", async () => {
  const options = JSON.parse('{ "split": "test" }')
  await expect(evaluateReader(stored("read"), { ...options, backend })).rejects.toThrow(
    'split must be train or val for a model that reads, got "test"',
  )
})
