import { VitrineError } from "@vitrine/core"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fromHuggingFace, fromTimmConfig, memorySource, openDetector } from "../src/index.ts"

/** Files of a model that is read without fault. */
export interface GoodFiles {
  readonly config: unknown
  /** Undefined where there is no such file. */
  readonly preprocessor?: unknown
  /** Of a detector, whose configuration follows from its weights too. */
  readonly weights?: Uint8Array
}

type Path = readonly (string | number)[]

interface Mutation {
  readonly path: Path
  readonly json: unknown
  /** The value in place of the good one; undefined for a field that is gone. */
  readonly value: unknown
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The paths of all values of a file. */
function pathsOf(json: unknown, path: Path = []): Path[] {
  if (Array.isArray(json)) return [path, ...json.flatMap((each, i) => pathsOf(each, [...path, i]))]
  if (!isRecord(json)) return [path]
  return [path, ...Object.entries(json).flatMap(([key, each]) => pathsOf(each, [...path, key]))]
}

function valueAt(json: unknown, [step, ...rest]: Path): unknown {
  if (step === undefined) return json
  const child: unknown = Array.isArray(json) ? json[Number(step)] : isRecord(json) ? json[step] : undefined
  return valueAt(child, rest)
}

/** The same file with another value at a path; undefined takes a field away. */
function replaced(json: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value
  if (Array.isArray(json)) {
    const list: unknown[] = json
    return list.flatMap((each, i) => {
      if (i !== step) return [each]
      const next = replaced(each, rest, value)
      return next === undefined ? [] : [next]
    })
  }
  if (!isRecord(json)) return json
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, each]) => {
      if (key !== step) return [[key, each]]
      const next = replaced(each, rest, value)
      return next === undefined ? [] : [[key, next]]
    }),
  )
}

const values = fc.oneof(
  fc.constantFrom<unknown>("12", "", "x", -1, 0, 1.5, 1e9, 1e300, true, false, null, [], {}, [1, 2], [1, 2, 3], [{}]),
  fc.jsonValue(),
  fc.integer({ min: -3, max: 40 }),
)

function mutations(good: unknown): fc.Arbitrary<Mutation> {
  const paths = pathsOf(good)
  const parents = paths.filter((path) => isRecord(valueAt(good, path)))
  const others = fc
    .tuple(fc.constantFrom(...paths), fc.option(values, { nil: undefined, freq: 8 }))
    .filter(([path, value]) => path.length > 0 || value !== undefined)
    .map(([path, value]) => ({ path, value, json: replaced(good, path, value) }))
  const added = fc
    .tuple(fc.constantFrom(...parents), fc.constantFrom("extra", "toString", "dpeth"), values)
    .map(([parent, key, value]) => {
      const own = valueAt(good, parent)
      const path = [...parent, key]
      return { path, value, json: replaced(good, parent, { ...(isRecord(own) ? own : {}), [key]: value }) }
    })
  return fc.oneof({ weight: 4, arbitrary: others }, { weight: 1, arbitrary: added })
}

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value)

/** Fields that are a number or a pair, and such that may be null or something else. */
const either =
  /(^|\.)(vitrine\.imageSize|img_size|image_size|patch_size|layerScale|preLogits|stem|label_names|norm_layer|output_stride)(\.|$)/

/** Names of classes, which may be numbers. */
const labelNames = /(^|\.)(id2label|label_names)(\.|$)/

/** A field that is gone, or null, has a default. Another kind of value than the good one has no meaning. */
function mayChange({ path, value }: Mutation, good: unknown): boolean {
  return (
    value == null ||
    kindOf(value) === kindOf(valueAt(good, path)) ||
    either.test(path.join(".")) ||
    labelNames.test(path.join("."))
  )
}

/** What a path in an error may begin with. */
function fieldsOf(json: unknown): readonly string[] {
  return isRecord(json) ? Object.keys(json) : []
}

function checkFault(error: unknown, mutation: Mutation, { config, preprocessor }: GoodFiles): void {
  expect(VitrineError.isInstance(error), `${String(error)} for ${JSON.stringify(mutation)}`).toBe(true)
  const message = error instanceof Error ? error.message : ""
  expect(message).not.toContain("\n")
  // A sound configuration of another model than the weights'.
  if (message.startsWith("run/model.safetensors: does not hold the model's tensors; ")) return
  expect(message).toMatch(/^run\/(preprocessor_)?config\.json: /)
  const [, path = ""] = /^[^:]+: (?:has no "|is of no detector: its )?([\w-]+)/.exec(message) ?? []
  const whole = /: must hold an object, got /.test(message)
  const known = [config, mutation.json, preprocessor].flatMap(fieldsOf)
  known.push("architecture", "model_type", "vitrine")
  expect(whole || known.includes(path), `${message} names no field, for ${JSON.stringify(mutation)}`).toBe(true)
}

/** Reads a `config.json` as `openModel` and `openDetector` do. */
function reader({ config, preprocessor = null, weights }: GoodFiles): (json: unknown) => Promise<unknown> {
  if (weights !== undefined)
    return async (json) => {
      const files = new Map([
        ["config.json", json],
        ["preprocessor_config.json", preprocessor],
      ])
      const { config, labels, preprocessing } = await openDetector({
        name: "run",
        nameOf: (file) => `run/${file}`,
        json: async (file) => files.get(file) ?? undefined,
        open: async (file) => (file === "model.safetensors" ? memorySource(weights, file) : undefined),
      })
      return { config, labels, preprocessing }
    }
  return isRecord(config) && config.architecture === undefined
    ? (json) => fromHuggingFace(json, preprocessor, "run/config.json")
    : (json) => fromTimmConfig(json, "run/config.json")
}

/** 200 mutations of each file's `config.json`: each is refused by its path, or read as what it says. */
export function describeMutations(files: Readonly<Record<string, GoodFiles>>): void {
  describe.each(Object.entries(files))("config.json of %s", (_, good) => {
    const read = reader(good)
    const outcome = (json: unknown): Promise<{ readonly model: unknown } | { readonly error: unknown }> =>
      read(json).then(
        (model) => ({ model }),
        (error: unknown) => ({ error }),
      )

    test("is read", async () => {
      expect(await outcome(good.config)).toHaveProperty("model")
    })

    test("mutated is refused in one line with the field's path, or read as what it says", async () => {
      const expected = await read(good.config)
      await fc.assert(
        fc.asyncProperty(mutations(good.config), async (mutation) => {
          const actual = await outcome(mutation.json)
          if ("error" in actual) checkFault(actual.error, mutation, good)
          else if (!mayChange(mutation, good.config))
            expect(actual.model, `another model by ${JSON.stringify(mutation)}`).toEqual(expected)
        }),
        { numRuns: 200, seed: 14 },
      )
    })
  })
}
