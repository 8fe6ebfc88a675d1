import {
  type Backend,
  cut,
  dropoutMask,
  foldKey,
  type Graph,
  gradients,
  graph,
  type HostData,
  type HostTensor,
  ops,
  type State,
  type Tensor,
  type TensorType,
  VitrineError,
  vitParameters,
} from "@vitrine/core"
import { bindBatch } from "@vitrine/core/backend"
import { referenceBackend } from "@vitrine/backend-reference"
import { expect } from "vitest"
import { expectClose, type Tolerance } from "./compare.ts"
import { drawFrom } from "./draw.ts"
import {
  configs,
  imagesOf,
  lossOf,
  randomImages,
  randomParameters,
  trace,
  trainInputs,
  trainSlots,
  trainStep,
} from "./models.ts"

/** The backend under test, and the tolerance of its results. */
export interface Subject {
  readonly backend: Backend
  readonly tolerance: Tolerance
}

/** The batch size of all whole models. Because it is always the same, a backend compiles each kernel only once. */
const modelBatch = 3

type Test = (subject: Subject) => Promise<void>
type Inputs = Readonly<Record<string, HostData>>
type Results = Readonly<Record<string, HostTensor>>

const { add, constant, input, isFinite, linear, mul, relu, state, sub, sum, where } = ops

const float = (...shape: number[]): TensorType => ({ shape, dtype: "float32" })
const floats = (...values: number[]): Float32Array => Float32Array.from(values)

/** Compiles a graph, runs it once and disposes of the program. */
export async function runOnce(backend: Backend, g: Graph, inputs: Inputs, batch?: number): Promise<Results> {
  const program = await backend.compile(g, batch === undefined ? {} : { batch })
  try {
    return await program.run(inputs)
  } finally {
    await program.dispose()
  }
}

async function rejects(what: Promise<unknown>, message: RegExp): Promise<void> {
  const error: unknown = await what.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(VitrineError.isInstance(error), `a VitrineError, not ${String(error)}`).toBe(true)
  expect((error as VitrineError).kind).toBe("backend")
  expect((error as VitrineError).message).toMatch(message)
  expect((error as VitrineError).message).not.toContain("\n")
}

async function values(s: State, name: string): Promise<number[]> {
  return Array.from(await s.read(name))
}

/** A graph with the output `x`. Each run then sets `x ← x / 2 + delta`. */
function counter(): Graph {
  const x = state("x", [2])
  return graph({ outputs: { before: x }, updates: { x: add(mul(x, 0.5), input("delta", [2])) } })
}

const inputsAndOutputs: Readonly<Record<string, Test>> = {
  "one graph at two batch sizes": async ({ backend, tolerance }) => {
    const build = (draw: ReturnType<typeof drawFrom>): Graph => {
      const x = draw.normal(["batch", 3, 4])
      const weight = draw.normal([5, 4])
      const y = linear(x, weight)
      const logits = ops.reshape(y, ["batch*3", 5])
      const loss = sum(ops.softmaxCrossEntropy(logits, ops.full(logits.shape, 0.2)))
      const [dx, dweight] = gradients([loss], [x, weight]) as [Tensor, Tensor]
      return graph({ outputs: { y, loss, dx, dweight, first: ops.sum(x, [0]) } })
    }
    const g = build(drawFrom(1, { batch: 1 }))
    for (const batch of [2, 5, 1]) {
      const draw = drawFrom(1, { batch })
      build(draw)
      expectClose(
        await runOnce(backend, g, draw.data, batch),
        await runOnce(referenceBackend(), g, draw.data, batch),
        tolerance,
      )
    }
  },
  "a batch size is needed where the graph has one": async ({ backend }) => {
    const g = graph({ outputs: { y: relu(input("x", ["batch", 2])) } })
    await expect(backend.compile(g)).rejects.toSatisfy(VitrineError.isInstance)
    await expect(backend.compile(g, { batch: 0 })).rejects.toSatisfy(VitrineError.isInstance)
    await expect(backend.compile(g, { batch: 1.5 })).rejects.toSatisfy(VitrineError.isInstance)
  },
  "a graph is plain data": async ({ backend }) => {
    const g = graph({ outputs: { y: add(input("x", [2]), constant(floats(1, 2), [2])) } })
    const { y } = await runOnce(backend, structuredClone(g), { x: floats(3, 4) })
    expect(Array.from((y as HostTensor).data)).toEqual([4, 6])
  },
  "inputs are checked before anything changes": async ({ backend }) => {
    const s = await backend.createState({ x: float(2) }, { x: floats(1, 2) })
    const program = await backend.compile(counter())
    await rejects(program.run({}, s), /delta/)
    await rejects(program.run({ delta: floats(1) }, s), /delta/)
    await rejects(program.run({ delta: floats(1, 2, 3) }, s), /delta/)
    expect(await values(s, "x")).toEqual([1, 2])
    await program.run({ delta: floats(0, 0) }, s)
    expect(await values(s, "x")).toEqual([0.5, 1])
    await program.dispose()
    await s.dispose()
  },
  "inputs that nothing reads are let be": async ({ backend }) => {
    const g = graph({ outputs: { y: relu(input("x", [2])) } })
    const { y } = await runOnce(backend, g, { x: floats(-1, 1), unused: floats(1, 2, 3) })
    expect(Array.from((y as HostTensor).data)).toEqual([0, 1])
  },
  "results are the caller's": async ({ backend }) => {
    const x = input("x", [3])
    const program = await backend.compile(graph({ outputs: { same: x, y: mul(x, 2) } }))
    const source = floats(1, 2, 3)
    const first = await program.run({ x: source })
    source.fill(9)
    const second = await program.run({ x: floats(4, 5, 6) })
    await program.dispose()
    expect(Array.from(first["same"]?.data ?? [])).toEqual([1, 2, 3])
    expect(Array.from(first["y"]?.data ?? [])).toEqual([2, 4, 6])
    expect(Array.from(second["y"]?.data ?? [])).toEqual([8, 10, 12])
    ;(second["y"] as HostTensor).data.fill(0)
    expect(Array.from(second["same"]?.data ?? [])).toEqual([4, 5, 6])
  },
  "the types of the results": async ({ backend }) => {
    const x = input("x", [2, 1])
    const outputs = { float: relu(x), bool: isFinite(x), int: ops.cast(x, "int32"), scalar: sum(x) }
    const { float, bool, int, scalar } = await runOnce(backend, graph({ outputs }), { x: floats(1, -2) })
    expect(float?.data instanceof Float32Array || float?.data instanceof Float64Array).toBe(true)
    expect(bool?.data instanceof Uint8Array || bool?.data instanceof Float64Array).toBe(true)
    expect(int?.data instanceof Int32Array || int?.data instanceof Float64Array).toBe(true)
    expect([float?.shape, scalar?.shape]).toEqual([[2, 1], []])
    expect(Array.from(bool?.data ?? [])).toEqual([1, 1])
    expect(Array.from(int?.data ?? [])).toEqual([1, -2])
  },
  "two runs at once": async ({ backend }) => {
    const program = await backend.compile(graph({ outputs: { y: mul(input("x", [1]), 2) } }))
    const results = await Promise.all([1, 2, 3, 4].map((n) => program.run({ x: floats(n) })))
    expect(results.map(({ y }) => y?.data[0])).toEqual([2, 4, 6, 8])
    await program.dispose()
  },
  "a graph without outputs": async ({ backend }) => {
    const s = await backend.createState({ x: float(2) })
    const program = await backend.compile(graph({ updates: { x: add(state("x", [2]), 1) } }))
    expect(await program.run({}, s)).toEqual({})
    expect(await values(s, "x")).toEqual([1, 1])
    await program.dispose()
    await s.dispose()
  },
  "a program disposed of leaves the others alone": async ({ backend }) => {
    const g = graph({ outputs: { y: relu(input("x", [1])) } })
    const [first, second] = [await backend.compile(g), await backend.compile(g)]
    await first.run({ x: floats(1) })
    await first.dispose()
    const { y } = await second.run({ x: floats(3) })
    expect(y?.data[0]).toBe(3)
    await second.dispose()
  },
}

const states: Readonly<Record<string, Test>> = {
  "slots start at zero or as given, and are copies": async ({ backend }) => {
    const source = floats(1, 2)
    const s = await backend.createState({ a: float(2), b: float(2) }, { a: source })
    source.fill(9)
    expect(await values(s, "a")).toEqual([1, 2])
    expect(await values(s, "b")).toEqual([0, 0])
    ;(await s.read("a")).fill(7)
    expect(await values(s, "a")).toEqual([1, 2])
    await s.write("b", floats(3, 4))
    expect(await values(s, "b")).toEqual([3, 4])
    expect(s.slots["a"]).toEqual(float(2))
    await s.dispose()
  },
  "int32, bool and scalar slots": async ({ backend }) => {
    const slots = {
      n: { shape: [2], dtype: "int32" },
      on: { shape: [3], dtype: "bool" },
      t: { shape: [], dtype: "float32" },
    } as const
    const s = await backend.createState(slots, { n: Int32Array.of(-7, 2 ** 30), on: Uint8Array.of(1, 0, 1) })
    expect(await values(s, "n")).toEqual([-7, 2 ** 30])
    expect(await values(s, "on")).toEqual([1, 0, 1])
    const chosen = where(state("on", [3], "bool"), floatsAs("x", 3), 0)
    const program = await backend.compile(
      graph({ outputs: { chosen }, updates: { t: add(state("t", []), sum(chosen)) } }),
    )
    const { chosen: result } = await program.run({ x: floats(1, 2, 4) }, s)
    expect(Array.from((result as HostTensor).data)).toEqual([1, 0, 4])
    expect(await values(s, "t")).toEqual([5])
    await program.dispose()
    await s.dispose()
  },
  "wrong slots and wrong sizes are told": async ({ backend }) => {
    const s = await backend.createState({ x: float(2) })
    await rejects(s.read("y"), /y/)
    await rejects(s.write("y", floats(1, 2)), /y/)
    await rejects(s.write("x", floats(1)), /x/)
    await rejects(backend.createState({ x: float(2) }, { x: floats(1, 2, 3) }), /x/)
    await rejects(backend.createState({ x: float(2) }, { z: floats(1, 2) }), /z/)
    await s.dispose()
  },
  "updates over several steps": async ({ backend }) => {
    const s = await backend.createState({ x: float(2) }, { x: floats(8, -8) })
    const program = await backend.compile(counter())
    const before: number[][] = []
    for (let step = 0; step < 4; step++) {
      const results = await program.run({ delta: floats(1, step) }, s)
      before.push(Array.from((results["before"] as HostTensor).data))
    }
    expect(before).toEqual([
      [8, -8],
      [5, -4],
      [3.5, -1],
      [2.75, 1.5],
    ])
    expect(await values(s, "x")).toEqual([2.375, 3.75])
    await program.dispose()
    await s.dispose()
  },
  "updates are written when all else has run": async ({ backend }) => {
    const [a, b] = [state("a", [1]), state("b", [1])]
    const s = await backend.createState({ a: float(1), b: float(1) }, { a: floats(1), b: floats(2) })
    const program = await backend.compile(graph({ outputs: { late: add(a, b) }, updates: { a: b, b: a } }))
    for (const expected of [
      [2, 1],
      [1, 2],
      [2, 1],
    ]) {
      const { late } = await program.run({}, s)
      expect(late?.data[0]).toBe(3)
      expect([...(await values(s, "a")), ...(await values(s, "b"))]).toEqual(expected)
    }
    await program.dispose()
    await s.dispose()
  },
  "one value for two slots, an input for a slot, a slot left as it is": async ({ backend }) => {
    const [a, x] = [state("a", [2]), input("x", [2])]
    const s = await backend.createState({ a: float(2), b: float(2), c: float(2), d: float(2) }, { d: floats(5, 6) })
    const y = add(a, x)
    const updates = { a: y, b: y, c: x, d: state("d", [2]) }
    const program = await backend.compile(graph({ outputs: { y }, updates }))
    const source = floats(1, 2)
    await program.run({ x: source }, s)
    source.fill(100)
    const { y: second } = await program.run({ x: floats(1, 1) }, s)
    ;(second as HostTensor).data.fill(-1)
    expect(await values(s, "a")).toEqual([2, 3])
    expect(await values(s, "b")).toEqual([2, 3])
    expect(await values(s, "c")).toEqual([1, 1])
    expect(await values(s, "d")).toEqual([5, 6])
    await program.dispose()
    await s.dispose()
  },
  "one state for two programs": async ({ backend }) => {
    const x = state("x", [2])
    const train = await backend.compile(graph({ updates: { x: add(x, 1) } }))
    const read = await backend.compile(graph({ outputs: { y: mul(x, 10) } }))
    const s = await backend.createState({ x: float(2), spare: float(7) })
    for (const expected of [10, 20, 30]) {
      await train.run({}, s)
      const { y } = await read.run({}, s)
      expect(Array.from((y as HostTensor).data)).toEqual([expected, expected])
    }
    await s.write("x", floats(-1, -2))
    expect(Array.from((await read.run({}, s))["y"]?.data ?? [])).toEqual([-10, -20])
    await train.dispose()
    await read.dispose()
    await s.dispose()
  },
  "two states for one program": async ({ backend }) => {
    const program = await backend.compile(graph({ updates: { x: add(state("x", [1]), input("dx", [1])) } }))
    const [first, second] = [await backend.createState({ x: float(1) }), await backend.createState({ x: float(1) })]
    await program.run({ dx: floats(1) }, first)
    await program.run({ dx: floats(10) }, second)
    await program.run({ dx: floats(1) }, first)
    expect([await values(first, "x"), await values(second, "x")]).toEqual([[2], [10]])
    await first.dispose()
    expect(await values(second, "x")).toEqual([10])
    await second.dispose()
    await program.dispose()
  },
  "a missing slot is told before anything changes": async ({ backend }) => {
    const [a, b] = [state("a", [1]), state("b", [1])]
    const program = await backend.compile(graph({ updates: { a: add(a, b), b: add(b, 1) } }))
    const s = await backend.createState({ a: float(1) }, { a: floats(1) })
    await rejects(program.run({}, s), /b/)
    await rejects(program.run({}), /a/)
    expect(await values(s, "a")).toEqual([1])
    await s.dispose()
    const ill = await backend.createState({ a: float(1), b: float(2) })
    await rejects(program.run({}, ill), /b/)
    await ill.dispose()
    const unread = await backend.compile(graph({ updates: { a: add(a, 1), c: add(a, 2) } }))
    const alone = await backend.createState({ a: float(1) }, { a: floats(1) })
    await rejects(unread.run({}, alone), /c/)
    expect(await values(alone, "a")).toEqual([1])
    for (const it of [alone, program, unread]) await it.dispose()
  },
  "a step that is not finite can be skipped": async ({ backend }) => {
    const x = state("x", [2])
    const next = sub(x, input("gradient", [2]))
    const update = where(isFinite(sum(next)), next, x)
    const program = await backend.compile(graph({ updates: { x: update } }))
    const s = await backend.createState({ x: float(2) }, { x: floats(1, 2) })
    await program.run({ gradient: floats(1, Number.NaN) }, s)
    expect(await values(s, "x")).toEqual([1, 2])
    await program.run({ gradient: floats(1, 1) }, s)
    expect(await values(s, "x")).toEqual([0, 1])
    await program.dispose()
    await s.dispose()
  },
}

const floatsAs = (name: string, size: number): Tensor => input(name, [size])

const constants: Readonly<Record<string, Test>> = {
  "constants give what states give": async ({ backend, tolerance }) => {
    const config = configs["class token"] as (typeof configs)[string]
    const parameters = randomParameters(vitParameters(config), config)
    const images = randomImages(config, modelBatch)
    const g = graph({ outputs: { logits: trace(config, imagesOf(config)).logits } })
    const baked = await backend.compile(g, { batch: modelBatch, constants: parameters })
    const free = await backend.compile(g, { batch: modelBatch })
    const slots = Object.fromEntries(vitParameters(config).map(({ name, shape }) => [name, float(...shape)]))
    const s = await backend.createState(slots, parameters)
    expectClose(await baked.run({ images }), await free.run({ images }, s), tolerance)
    await s.dispose()
    await free.dispose()
    expect((await baked.run({ images }))["logits"]?.shape).toEqual([modelBatch, 5])
    await baked.dispose()
  },
  "some constants, some states": async ({ backend }) => {
    const y = add(mul(input("x", [2]), state("gain", [2])), state("bias", [2]))
    const g = graph({ outputs: { y }, updates: { bias: y } })
    const program = await backend.compile(g, { constants: { gain: floats(2, 3), unused: floats(1) } })
    const s = await backend.createState({ bias: float(2) })
    await program.run({ x: floats(1, 1) }, s)
    await program.run({ x: floats(1, 1) }, s)
    expect(await values(s, "bias")).toEqual([4, 6])
    await program.dispose()
    await s.dispose()
  },
  "constants of a wrong size are told": async ({ backend }) => {
    const g = graph({ outputs: { y: relu(state("gain", [2])) } })
    await rejects(backend.compile(g, { constants: { gain: floats(1, 2, 3) } }), /gain/)
  },
  "constants from a file": async ({ backend }) => {
    // This import is dynamic, so that the rest of the suite runs in a browser.
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises")
    const { tmpdir } = await import("node:os")
    const folder = await mkdtemp(`${tmpdir()}/vitrine-conformance-`)
    const path = `${folder}/weights.bin`
    await writeFile(path, new Uint8Array(floats(-1, -2, 1, 2, 3, 4, 5, 6, -3).buffer))
    const y = linear(input("x", [1, 3]), state("weight", [2, 3]))
    const weight = { path, offset: 8, length: 24 }
    const program = await backend.compile(graph({ outputs: { y } }), { constants: { weight } })
    const { y: result } = await program.run({ x: floats(1, 10, 100) })
    expect(Array.from((result as HostTensor).data)).toEqual([321, 654])
    await program.dispose()
    const parts = [20, 8].map((offset) => ({ path, offset, length: 12 }))
    const inParts = await backend.compile(graph({ outputs: { y } }), { constants: { weight: parts } })
    const { y: exchanged } = await inParts.run({ x: floats(1, 10, 100) })
    expect(Array.from((exchanged as HostTensor).data)).toEqual([654, 321])
    await inParts.dispose()
    await rm(folder, { recursive: true })
  },
}

const randomness: Readonly<Record<string, Test>> = {
  "dropout masks are the same bits everywhere": async ({ backend }) => {
    const mask = ops.dropoutMask(input("key", [2], "int32"), "blocks.1.attn", ["batch", 9], 0.3)
    const program = await backend.compile(graph({ outputs: { mask } }), { batch: 7 })
    for (const key of [
      [0, 0],
      [1, -1],
      [-2147483648, 12345],
    ] as const) {
      const expected = new Float32Array(63)
      dropoutMask(foldKey([key[0] >>> 0, key[1] >>> 0], "blocks.1.attn"), 0.3, expected)
      const { mask: result } = await program.run({ key: Int32Array.from(key) })
      expect(Array.from(result?.data ?? [], Math.fround)).toEqual(Array.from(expected))
    }
    await program.dispose()
  },
}

function vitTests(): Record<string, Test> {
  const entries = Object.entries(configs).flatMap(([name, config]): [string, Test][] => {
    const parameters = randomParameters(vitParameters(config), config)
    const slots = Object.fromEntries(vitParameters(config).map(({ name, shape }) => [name, float(...shape)]))
    const compare = async ({ backend, tolerance }: Subject, g: Graph, inputs: Inputs): Promise<void> => {
      const results = await Promise.all(
        [backend, referenceBackend()].map(async (each) => {
          const s = await each.createState(slots, parameters)
          const program = await each.compile(g)
          const result = await program.run(inputs, s)
          await program.dispose()
          await s.dispose()
          return result
        }),
      )
      expectClose(results[0] as Results, results[1] as Results, tolerance)
    }
    const images = randomImages(config, modelBatch)
    return [
      [
        `ViT, ${name}: forward`,
        (subject) =>
          compare(subject, bindBatch(graph({ outputs: { y: trace(config, imagesOf(config)).logits } }), modelBatch), {
            images,
          }),
      ],
      [
        `ViT, ${name}: every tap`,
        (subject) => {
          const { logits, taps } = trace(config, imagesOf(config, modelBatch), { taps: "all" })
          return compare(subject, graph({ outputs: { ...taps, result: logits } }), { images })
        },
      ],
      [
        `ViT, ${name}: gradients`,
        (subject) => {
          const x = imagesOf(config, modelBatch)
          const { logits, parameters: wrt } = trace(config, x)
          const seed = input("seed", logits.shape)
          const grads = gradients([logits], [x, ...Object.values(wrt)], [seed])
          const names = ["images", ...Object.keys(wrt)]
          const g = graph({ outputs: Object.fromEntries(grads.map((t, i) => [`grad.${names[i]}`, t])) })
          const draw = drawFrom(5)
          draw.normal(logits.shape)
          return compare(subject, g, { images, seed: draw.data["x0"] as HostData })
        },
      ],
    ]
  })
  return Object.fromEntries(entries)
}

/** A model with every kind of dropout. */
const trained = {
  ...(configs["class token"] as (typeof configs)[string]),
  dropout: 0.1,
  attentionDropout: 0.2,
  stochasticDepth: 0.3,
}

const training: Readonly<Record<string, Test>> = {
  ...vitTests(),
  "three steps of AdamW with dropout": async ({ backend, tolerance }) => {
    const g = graph(trainStep(trained))
    const slots = trainSlots(trained)
    const parameters = randomParameters(vitParameters(trained), trained)
    const follow = async (each: Backend): Promise<Results> => {
      const s = await each.createState(slots, parameters)
      const program = await each.compile(g, { batch: modelBatch })
      const results: Record<string, HostTensor> = {}
      for (let t = 1; t <= 3; t++) {
        const { loss, norm } = (await program.run(trainInputs(trained, modelBatch, t), s)) as Record<string, HostTensor>
        Object.assign(results, { [`loss ${t}`]: loss, [`norm ${t}`]: norm })
      }
      for (const [name, { shape }] of Object.entries(slots))
        results[name] = { data: await s.read(name), shape: shape as number[] }
      await program.dispose()
      await s.dispose()
      return results
    }
    expectClose(await follow(backend), await follow(referenceBackend()), tolerance)
  },
  "a cut step is the whole step": async ({ backend, tolerance }) => {
    const x = imagesOf(trained, modelBatch)
    const key = input("key", [2], "int32")
    const { logits, parameters: wrt } = trace(trained, x, { key })
    const [targets, weights] = [input("targets", logits.shape), input("weights", [modelBatch])]
    const loss = lossOf(logits, targets, weights)
    const names = Object.keys(wrt)
    const grads = gradients([loss], Object.values(wrt))
    const outputs = { logits, loss, ...Object.fromEntries(grads.map((t, i) => [`grad.${names[i]}`, t])) }
    const { first, second, saved } = cut(graph({ outputs }), ["logits"])
    const slots = Object.fromEntries(vitParameters(trained).map(({ name, shape }) => [name, float(...shape)]))
    const s = await backend.createState({ ...slots, ...saved }, randomParameters(vitParameters(trained), trained))
    const all = Object.entries(trainInputs(trained, modelBatch, 1))
    const only = (...names: string[]): Inputs => Object.fromEntries(all.filter(([name]) => names.includes(name)))
    const [early, late] = [only("images", "key"), only("images", "key", "targets", "weights")]
    const step = async (g: Graph, inputs: Inputs): Promise<Results> => {
      const program = await backend.compile(g)
      const results = await program.run(inputs, s)
      await program.dispose()
      return results
    }
    const expected = await step(graph({ outputs }), late)
    expectClose(await step(first, early), { logits: expected["logits"] as HostTensor }, tolerance)
    const { logits: _, ...rest } = expected
    expectClose(await step(second, late), rest, tolerance)
    await s.dispose()
  },
  "recomputed activations give the same gradients": async ({ backend, tolerance }) => {
    const build = (recompute: boolean): Graph => {
      const draw = drawFrom(8)
      const [x, weight] = [draw.normal([6, 5]), draw.normal([5, 5])]
      const layer = (h: Tensor, id: string): Tensor =>
        ops.gelu(linear(recompute ? ops.barrier(h, id) : h, weight, draw.normal([5])))
      const y = layer(layer(x, "0"), "1")
      const [dx, dweight] = gradients([y], [x, weight]) as [Tensor, Tensor]
      return graph({ outputs: { y, dx, dweight } })
    }
    const draw = drawFrom(8)
    for (const shape of [[6, 5], [5, 5], [5], [5]]) draw.normal(shape)
    expectClose(
      await runOnce(backend, build(true), draw.data),
      await runOnce(backend, build(false), draw.data),
      tolerance,
    )
  },
}

/** The tests of a backend's contract by their groups. */
export const contract: Readonly<Record<string, Readonly<Record<string, Test>>>> = {
  "inputs and outputs": inputsAndOutputs,
  states,
  constants,
  randomness,
  models: training,
}
