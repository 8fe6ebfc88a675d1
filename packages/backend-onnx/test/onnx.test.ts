import { fileURLToPath } from "node:url"
import { encodeModel, type OnnxModel, toOnnx } from "@vitrine/backend-onnx"
import { onnxAvailability, onnxBackend } from "@vitrine/backend-onnx/node"
import {
  type FileSlice,
  gradients,
  graph,
  type HostData,
  ops,
  rootScope,
  type Tensor as SymbolicTensor,
  type TensorType,
  VitrineError,
  vitVariant,
  vit,
} from "@vitrine/core"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { describe, expect, it } from "vitest"

const { add, barrier, exp, input, mul, state } = ops
const apart = (a: HostData, b: Float32Array | undefined): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b?.[i] ?? Number.NaN))), 0)
const opsOf = (model: OnnxModel): string[] => model.nodes.map(({ op }) => op)

describe("toOnnx", () => {
  it("keeps names apart that mean different things", async () => {
    const g = graph({
      outputs: { x: add(input("x", [1]), state("x", [1])), y: input("x", [1]), z: input("x", [1]) },
      updates: { x: mul(state("x", [1]), 2) },
    })
    const model = toOnnx(g)
    const names = [...model.inputs, ...model.outputs, ...model.initializers].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(model.names.inputs["x"]).toBe("x")
    const session = await InferenceSession.create(encodeModel(model))
    const give = (value: number): Tensor => new Tensor("float32", Float32Array.of(value), [1])
    const made = await session.run({
      [model.names.inputs["x"] as string]: give(3),
      [model.names.states["x"] as string]: give(10),
    })
    const read = (name: string | undefined): unknown => made[name as string]?.data[0 as never]
    expect(read(model.names.outputs["x"])).toBe(13)
    expect(read(model.names.outputs["y"])).toBe(3)
    expect(read(model.names.outputs["z"])).toBe(3)
    expect(read(model.names.updates["x"])).toBe(20)
    await session.release()
  })

  it("writes one file of standard operators for other engines", async () => {
    const config = vitVariant("Ti/4", { imageSize: [8, 8], depth: 1, classes: 3 })
    const g = graph({ outputs: { logits: vit(rootScope(), input("images", ["batch", 8, 8, 3]), config) } })
    const constants = Object.fromEntries(
      Object.entries(g.states).map(([name, value]) => {
        const { shape } = g.values[value] as TensorType
        const count = shape.reduce<number>((n, dim) => n * (dim as number), 1)
        return [name, new Float32Array(count).fill(0.01)]
      }),
    )
    const model = toOnnx(g, { batch: 2, constants, portable: true })
    expect(model.nodes.every(({ domain }) => domain === "")).toBe(true)
    expect(model.names.states).toEqual({})
    const session = await InferenceSession.create(encodeModel(model))
    const images = new Tensor("float32", new Float32Array(2 * 8 * 8 * 3), [2, 8, 8, 3])
    expect((await session.run({ images }))["logits"]?.dims).toEqual([2, 3])
    await session.release()
  })

  describe("attention over many tokens", () => {
    const tokens = 800
    const [q, k, v] = [input("q", [1, tokens, 2]), state("k", [1, tokens, 2]), input("v", [1, tokens, 2])]
    const { context } = ops.attention(q, k, v, 1)

    it("goes by blocks of queries, but in standard operators for files", () => {
      const g = graph({ outputs: { context } })
      expect(opsOf(toOnnx(g))).toContain("Scan")
      const portable = opsOf(toOnnx(g, { portable: true }))
      expect(portable).toContain("Softmax")
      expect(portable).not.toContain("Scan")
    })

    it("reads a slot before an update overwrites it", async () => {
      const backend = await onnxBackend({ worker: false })
      const program = await backend.compile(graph({ outputs: { context }, updates: { k: mul(k, 0) } }))
      const values = (scale: number): Float32Array =>
        Float32Array.from({ length: 2 * tokens }, (_, i) => scale * Math.sin(i))
      const slots = await backend.createState({ k: { shape: [1, tokens, 2], dtype: "float32" } }, { k: values(3) })
      const { context: result } = await program.run({ q: values(5), v: values(1) }, slots)
      const [keys, queries] = [values(3), values(5)]
      let [sum, first] = [0, 0]
      for (let i = 0; i < tokens; i++) {
        const [a = 0, b = 0] = keys.subarray(2 * i)
        const weight = Math.exp((queries[0] ?? 0) * a + (queries[1] ?? 0) * b)
        sum += weight
        first += weight * Math.sin(2 * i)
      }
      expect(result?.data[0]).toBeCloseTo(first / sum, 5)
      await backend.close()
    })
  })

  it("moves factors into matrix products", () => {
    const [a, b] = [input("a", [2, 3]), input("b", [3, 2])]
    const model = toOnnx(graph({ outputs: { y: ops.matMul(mul(a, 0.5), mul(b, 4)) } }))
    expect(opsOf(model)).toEqual(["Gemm"])
    expect(model.nodes[0]?.attributes["alpha"]).toEqual({ float: 2 })
  })

  it("tells which constant does not fit", () => {
    const g = graph({ outputs: { y: exp(state("gain", [2, 2])) } })
    const give = (): OnnxModel => toOnnx(g, { constants: { gain: { path: "weights", offset: 0, length: 8 } } })
    expect(give).toThrow(VitrineError)
    expect(give).toThrow(/gain.*8 bytes/)
  })
})

describe("the native backend", () => {
  it("says that it is there", async () => {
    expect(await onnxAvailability()).toMatchObject({ available: true, version: expect.stringMatching(/^\d+\.\d+/) })
  })

  it("computes again what stands behind a barrier", async () => {
    const x = input("x", [4])
    const g = graph({ outputs: { first: exp(x), second: exp(barrier(x, "again")) } })
    expect(opsOf(toOnnx(g)).filter((op) => op === "Exp")).toHaveLength(2)
    const backend = await onnxBackend({ worker: false })
    const program = await backend.compile(g)
    const { first, second } = await program.run({ x: Float32Array.of(0, 1, 2, 3) })
    expect(Array.from(second?.data ?? [])).toEqual(Array.from(first?.data ?? []))
    await backend.close()
  })

  it("keeps a state whose two slots are swapped through a view", async () => {
    const [a, b] = [state("a", [2, 3]), state("b", [6])]
    const g = graph({
      updates: { a: add(a, 1), b: ops.reshape(mul(a, 2), [6]) },
      outputs: { late: add(ops.reshape(a, [6]), b) },
    })
    const backend = await onnxBackend({ worker: false })
    const program = await backend.compile(g)
    const slots = { a: { shape: [2, 3], dtype: "float32" }, b: { shape: [6], dtype: "float32" } } as const
    const held = await backend.createState(slots, { a: Float32Array.of(1, 2, 3, 4, 5, 6) })
    const { late } = await program.run({}, held)
    expect(Array.from(late?.data ?? [])).toEqual([1, 2, 3, 4, 5, 6])
    expect(Array.from(await held.read("a"))).toEqual([2, 3, 4, 5, 6, 7])
    expect(Array.from(await held.read("b"))).toEqual([2, 4, 6, 8, 10, 12])
    const again = await program.run({}, held)
    expect(Array.from(again["late"]?.data ?? [])).toEqual([4, 7, 10, 13, 16, 19])
    await backend.close()
  })

  it("updates many slots of many sizes, empties what was added up, and leaves each slot its name", async () => {
    const sizes = { a: [3], b: [140_000], c: [2, 2], single: [] } as const
    const rate = input("rate", [])
    const updates: Record<string, SymbolicTensor> = {}
    const slots: Record<string, TensorType> = {}
    const values: Record<string, Float32Array> = {}
    const norm = ops.sqrt(ops.sum(ops.square(state("sum:b", sizes.b))))
    for (const [name, shape] of Object.entries(sizes)) {
      const [sums, velocity] = [state(`sum:${name}`, shape), state(`v:${name}`, shape)]
      const next = add(mul(velocity, 0.5), ops.div(sums, norm))
      updates[`v:${name}`] = next
      updates[name] = ops.sub(state(name, shape), mul(next, rate))
      updates[`sum:${name}`] = ops.full(shape, 0)
      for (const slot of [name, `sum:${name}`, `v:${name}`]) slots[slot] = { shape, dtype: "float32" }
      const count = shape.reduce((n: number, dim) => n * dim, 1)
      values[name] = Float32Array.from({ length: count }, (_, i) => i)
      values[`sum:${name}`] = new Float32Array(count).fill(1)
    }
    const backend = await onnxBackend({ worker: false })
    const program = await backend.compile(graph({ outputs: { norm }, updates }))
    const held = await backend.createState(slots, values)
    const root = Math.sqrt(140_000)
    for (const step of [1, 2]) {
      const { norm: result } = await program.run({ rate: Float32Array.of(2 * root) }, held)
      expect(result?.data[0]).toBeCloseTo(root, 3)
      for (const name of Object.keys(sizes)) {
        const expected = values[name]?.map((value) => value - (step === 1 ? 2 : 2 + 3))
        expect(apart(await held.read(name), expected), name).toBeLessThan(1e-2)
        expect(new Set(await held.read(`sum:${name}`))).toEqual(new Set([0]))
        await held.write(`sum:${name}`, new Float32Array(expected?.length ?? 0).fill(1))
      }
    }
    await backend.close()
  })

  it("updates a slot whose last value another slot of the update reads", async () => {
    const sizes = { a: [3], b: [140_000] } as const
    const updates: Record<string, SymbolicTensor> = {}
    const slots: Record<string, TensorType> = {}
    const inputs: Record<string, Float32Array> = {}
    for (const [name, shape] of Object.entries(sizes)) {
      const [momentum, gradient] = [state(`m:${name}`, shape), ops.sum(input(`g:${name}`, [2, ...shape]), [0])]
      const next = add(mul(momentum, 0.5), gradient)
      updates[`m:${name}`] = next
      updates[name] = ops.sub(state(name, shape), add(mul(momentum, 0.25), next))
      for (const slot of [name, `m:${name}`]) slots[slot] = { shape, dtype: "float32" }
      inputs[`g:${name}`] = new Float32Array(2 * shape[0]).fill(2)
    }
    const backend = await onnxBackend({ worker: false })
    const program = await backend.compile(graph({ updates }))
    const held = await backend.createState(slots)
    for (const [weight, momentum] of [
      [-4, 4],
      [-11, 6],
      [-19.5, 7],
    ]) {
      await program.run(inputs, held)
      for (const name of Object.keys(sizes)) {
        expect(new Set(await held.read(name)), name).toEqual(new Set([weight]))
        expect(new Set(await held.read(`m:${name}`)), name).toEqual(new Set([momentum]))
      }
    }
    await backend.close()
  })

  it.each([
    { strides: [1, 1], padding: [1, 1, 1, 1], size: 3 },
    { strides: [2, 2], padding: [1, 0, 1, 0], size: 3 },
    { strides: [2, 1], padding: [0, 1, 1, 1], size: 3 },
    { strides: [2, 2], padding: [0, 0, 0, 0], size: 2 },
  ] as const)(
    "gives images of large batches the gradients of small ones: $size, $strides, $padding",
    async (window) => {
      const { strides, size } = window
      const whole = (shape: readonly number[], step: number): Float32Array =>
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * step) % 11) - 5)
      const backend = await onnxBackend({ worker: false })
      const weightShape = [4, 3, size, size]
      const gradient = async (batch: number, dyValues: Float32Array): Promise<Float32Array> => {
        const x = input("x", [batch, 36 * strides[0], 36 * strides[1], 3])
        const weight = input("w", weightShape)
        const y = ops.conv2d(x, weight, window)
        expect(y.shape).toEqual([batch, 36, 36, 4])
        const dx = gradients([y], [x], [input("dy", y.shape)])[0] ?? y
        const program = await backend.compile(graph({ outputs: { dx } }))
        const { dx: values } = await program.run({ w: whole(weightShape, 5), dy: dyValues })
        return Float32Array.from(values?.data ?? [])
      }
      const one = 36 * 36 * 4
      const dy = whole([2 * one], 7)
      const alone = [await gradient(1, dy.subarray(0, one)), await gradient(1, dy.subarray(one))]
      expect(await gradient(2, dy)).toEqual(Float32Array.from(alone.flatMap((values) => [...values])))
      await backend.close()
    },
  )

  it("updates slots by what slots of other types hold", async () => {
    const w = state("w", [3])
    const chosen = ops.where(state("chosen", [3], "bool"), mul(w, 2), mul(w, 0.5))
    const counts = ops.cast(state("counts", [3], "int32"), "float32")
    const backend = await onnxBackend({ worker: false })
    const program = await backend.compile(graph({ updates: { w: add(chosen, counts) } }))
    const held = await backend.createState(
      {
        w: { shape: [3], dtype: "float32" },
        chosen: { shape: [3], dtype: "bool" },
        counts: { shape: [3], dtype: "int32" },
      },
      { w: Float32Array.of(2, 4, 8), chosen: Uint8Array.of(1, 0, 1), counts: Int32Array.of(1, 2, 3) },
    )
    await program.run({}, held)
    expect(await held.read("w")).toEqual(Float32Array.of(5, 4, 19))
    expect(await held.read("counts")).toEqual(Int32Array.of(1, 2, 3))
    await backend.close()
  })

  it("rejects what has been closed or made elsewhere", async () => {
    const [one, two] = [await onnxBackend({ worker: false }), await onnxBackend()]
    const g = graph({ updates: { x: add(state("x", [1]), 1) } })
    const slots = { x: { shape: [1], dtype: "float32" } } as const
    const foreign = await two.createState(slots)
    const program = await one.compile(g)
    await expect(program.run({}, foreign)).rejects.toThrow(/another backend/)
    const remote = await two.compile(g)
    await expect(remote.run({}, await one.createState(slots))).rejects.toThrow(/another backend/)
    await one.close()
    await expect(one.compile(g)).rejects.toThrow(/closed/)
    await two.close()
    await expect(remote.run({}, foreign)).rejects.toThrow(/closed/)
  })

  it("keeps the values of large constants, whatever becomes of the memory that they were given in", async () => {
    const backend = await onnxBackend({ worker: false })
    const g = graph({ outputs: { y: add(input("x", [65_536]), state("a", [65_536])) } })
    const a = new Float32Array(65_536).fill(2)
    const program = await backend.compile(g, { constants: { a } })
    a.fill(7)
    const { y } = await program.run({ x: new Float32Array(65_536).fill(1) })
    expect(new Set(y?.data)).toEqual(new Set([3]))
    await backend.close()
  })

  it("takes constants from one folder only", async () => {
    const backend = await onnxBackend({ worker: false })
    const g = graph({ outputs: { y: add(state("a", [1]), state("b", [1])) } })
    const slice = (url: string): FileSlice => ({
      path: fileURLToPath(new URL(url, import.meta.url)),
      offset: 0,
      length: 4,
    })
    const constants = { a: slice("onnx.test.ts"), b: slice("../package.json") }
    await expect(backend.compile(g, { constants })).rejects.toThrow(/one folder/)
    await backend.close()
  })

  it("does not read behind the end of a file", async () => {
    const backend = await onnxBackend({ worker: false })
    const g = graph({ outputs: { y: exp(state("a", [64])) } })
    const constants = { a: { path: fileURLToPath(import.meta.url), offset: 1e6, length: 256 } }
    await expect(backend.compile(g, { constants })).rejects.toThrow(/need 1000256/)
    await backend.close()
  })

  it("makes a missing file of constants an error of one line", async () => {
    const backend = await onnxBackend({ worker: false })
    const g = graph({ outputs: { y: exp(state("a", [64])) } })
    const constants = { a: { path: "/nowhere/weights.safetensors", offset: 0, length: 256 } }
    const error: unknown = await backend.compile(g, { constants }).catch((reason: unknown) => reason)
    expect(VitrineError.isInstance(error)).toBe(true)
    expect((error as Error).message).toMatch(/weights\.safetensors/)
    expect((error as Error).message).not.toContain("\n")
    await backend.close()
  })
})
