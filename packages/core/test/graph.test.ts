import { describe, expect, it } from "vitest"
import { apply } from "../src/backend.ts"
import { cut, type Graph, gradients, graph, ops, printGraph, type Tensor } from "../src/index.ts"
import { bindBatch, interpret, type Kernels, lastUses, lower, type OpName, unfold } from "../src/backend.ts"

const { add, barrier, constant, dropoutMask, exp, full, input, linear, mul, state, stopGradient, sum } = ops

const count = (g: Graph, op: OpName): number => g.nodes.filter((node) => node.op === op).length
const x = input("x", [2])

describe("a graph", () => {
  it("holds nothing that no output needs", () => {
    const dead = exp(input("unused", [3]))
    expect(dead.shape).toEqual([3])
    const g = graph({ outputs: { y: add(x, 1) } })
    expect(Object.keys(g.inputs)).toEqual(["x"])
    expect(g.nodes.map(({ op }) => op)).toEqual(["input", "full", "add"])
  })

  it("keeps every node after its inputs", () => {
    const [a, b, c, d] = ops.split(input("y", [4, 2]), 0, 4) as [Tensor, Tensor, Tensor, Tensor]
    const g = graph({ outputs: { z: add(mul(a, b), mul(c, add(d, exp(a)))) } })
    const seen = new Set<number>()
    for (const node of g.nodes) {
      expect(node.inputs.every((value) => seen.has(value))).toBe(true)
      for (const value of node.outputs) seen.add(value)
    }
    expect(seen.size).toBe(g.values.length)
  })

  it("computes nothing twice", () => {
    const y = add(exp(add(x, 1)), exp(add(x, 1)))
    expect(count(graph({ outputs: { y } }), "exp")).toBe(1)
    expect(count(graph({ outputs: { a: exp(input("x", [2])), b: exp(input("x", [2])) } }), "input")).toBe(1)
    expect(count(graph({ outputs: { y: add(state("w", [2]), state("w", [2])) } }), "state")).toBe(1)
    const data = Float32Array.of(1, 2)
    expect(count(graph({ outputs: { y: add(constant(data, [2]), constant(data, [2])) } }), "constant")).toBe(1)
  })

  it("tells apart what only looks alike", () => {
    const two = (a: Tensor, b: Tensor, op: OpName): number => count(graph({ outputs: { a, b } }), op)
    expect(two(barrier(x, "a"), barrier(x, "b"), "barrier")).toBe(2)
    expect(two(barrier(x, "a"), barrier(x, "a"), "barrier")).toBe(1)
    expect(two(exp(x), exp(barrier(x, "a")), "exp")).toBe(2)
    const key = input("key", [2], "int32")
    expect(two(dropoutMask(key, "a", [2], 0.5), dropoutMask(key, "b", [2], 0.5), "dropoutMask")).toBe(2)
    expect(two(dropoutMask(key, "a", [2], 0.5), dropoutMask(key, "a", [3], 0.5), "dropoutMask")).toBe(2)
    expect(two(dropoutMask(key, "a", [2], 0.5), dropoutMask(key, "a", [2], 0.5), "dropoutMask")).toBe(1)
    expect(two(full([2], 0), full([2], -0), "full")).toBe(2)
    expect(two(full([2], Number.NaN), full([2], Number.POSITIVE_INFINITY), "full")).toBe(2)
    expect(two(full([2], Number.NaN), full([2], Number.NaN), "full")).toBe(1)
    expect(two(full([2], 1), full([1, 2], 1), "full")).toBe(2)
    expect(two(constant(Float32Array.of(1), [1]), constant(Float32Array.of(1), [1]), "constant")).toBe(2)
    expect(two(ops.sub(x, state("w", [2])), ops.sub(state("w", [2]), x), "sub")).toBe(2)
    expect(two(ops.cast(ops.greater(x, 0), "int32"), ops.cast(ops.greater(x, 0), "float32"), "cast")).toBe(2)
    expect(two(ops.gelu(x), ops.gelu(x, { approximate: true }), "gelu")).toBe(2)
  })

  it("is plain data", () => {
    const key = input("key", [2], "int32")
    const y = mul(linear(x, constant(Float32Array.of(1, 2, 3, 4), [2, 2])), dropoutMask(key, "d", [2], 0.5))
    const g = graph({ outputs: { y }, updates: { w: add(state("w", [2]), y) } })
    const copy = structuredClone(g)
    expect(copy).toEqual(g)
    expect(printGraph(copy)).toBe(printGraph(g))
    const json = JSON.stringify(g, (_, value: unknown) =>
      ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value,
    )
    expect(JSON.parse(json).nodes.map((node: { op: string }) => node.op)).toEqual(g.nodes.map(({ op }) => op))
  })

  it("names its inputs, states, outputs and updates", () => {
    const w = state("w", [2])
    const g = graph({ outputs: { y: mul(x, w), same: x }, updates: { w: add(w, 1), fresh: x } })
    expect(Object.keys(g.inputs)).toEqual(["x"])
    expect(Object.keys(g.states)).toEqual(["w"])
    expect(g.outputs["same"]).toBe(g.inputs["x"])
    expect(g.updates["fresh"]).toBe(g.inputs["x"])
  })

  it("is the same for the same model, so that it can be hashed", () => {
    const build = (): string => JSON.stringify(graph({ outputs: { y: sum(exp(input("x", ["batch", 3]))) } }))
    expect(build()).toBe(build())
  })

  it("takes a very deep model", () => {
    let y: Tensor = x
    for (let i = 0; i < 20_000; i++) y = add(y, i)
    const g = graph({ outputs: { y } })
    expect(count(g, "add")).toBe(20_000)
    expect(gradients([y], [x])[0]?.shape).toEqual([2])
  })

  it("leaves no trace of stopGradient", () => {
    expect(count(graph({ outputs: { y: exp(stopGradient(x)) } }), "stopGradient")).toBe(0)
  })
})

describe("liveness", () => {
  it("ends with the last reader; outputs and updates live on", () => {
    const a = exp(x)
    const b = mul(a, a)
    const g = graph({ outputs: { y: add(b, 1), b } })
    const last = lastUses(g)
    const at = (op: OpName): number => g.nodes.findIndex((node) => node.op === op)
    const made = (op: OpName): number => g.nodes[at(op)]?.outputs[0] as number
    expect(last[made("input")]).toBe(at("exp"))
    expect(last[made("exp")]).toBe(at("mul"))
    expect(last[made("mul")]).toBe(g.nodes.length)
  })

  it("ends at once where nothing reads an output of a node", () => {
    const [, second] = ops.split(input("y", [2, 2]), 0, 2) as [Tensor, Tensor]
    const g = graph({ outputs: { second } })
    const node = g.nodes.findIndex(({ op }) => op === "split")
    expect(lastUses(g)[g.nodes[node]?.outputs[0] as number]).toBe(node)
  })
})

describe("bindBatch", () => {
  const g = graph({ outputs: { y: ops.reshape(input("x", ["batch", 5, 3]), ["batch*5", 3]) } })
  it("leaves no dimension open", () => {
    expect(bindBatch(g, 4).values.map(({ shape }) => shape)).toEqual([
      [4, 5, 3],
      [20, 3],
    ])
    expect(g.values[0]?.shape).toEqual(["batch", 5, 3])
  })
  it("tells what is missing or wrong", () => {
    expect(() => bindBatch(g, undefined)).toThrow('the size of dimension "batch" is not known yet')
    for (const batch of [0, -1, 1.5, Number.NaN]) expect(() => bindBatch(g, batch)).toThrow(`got ${batch}`)
  })
})

describe("print", () => {
  it("gives a line for every node", () => {
    const w = state("w", [2])
    const y = mul(x, ops.sum(w, [0], true))
    expect(printGraph(graph({ outputs: { y }, updates: { w: add(w, constant(Float32Array.of(1, 2), [2])) } }))).toBe(
      [
        '%0: float32[2] = input(name="x")',
        '%1: float32[2] = state(name="w")',
        "%2: float32[1] = sum(%1, axes=[0], keepDims=true)",
        "%3: float32[2] = mul(%0, %2)",
        "%4: float32[2] = constant(data=…)",
        "%5: float32[2] = add(%1, %4)",
        "output y = %3",
        "update w = %5",
      ].join("\n"),
    )
  })
})

describe("unfold and lower", () => {
  const required = new Set<OpName>(
    "input state constant full add sub mul div maximum greater where neg exp log sqrt erf tanh isFinite cast reshape transpose broadcastTo concat split slice pad sum max matMul dropoutMask barrier".split(
      " ",
    ) as OpName[],
  )
  const w = state("w", [3, 4])
  const bias = state("b", [3])
  const logits = linear(ops.gelu(ops.layerNorm(input("x", ["batch", 4]), full([4], 1), full([4], 0), 1e-6).y), w, bias)
  const loss = sum(ops.softmaxCrossEntropy(logits, input("targets", ["batch", 3])))
  const g = graph({ outputs: { loss, ...Object.fromEntries(gradients([loss], [w, bias]).map((t, i) => [i, t])) } })

  it("keep a graph as it is where nothing is to be done", () => {
    expect(graph(unfold(g))).toEqual(g)
    expect(lower(g, () => true)).toBe(g)
  })
  it("leave only required ops, with the same interface", () => {
    const low = lower(g, (op) => required.has(op))
    expect(low.nodes.every(({ op }) => required.has(op))).toBe(true)
    for (const [name, value] of Object.entries(g.outputs))
      expect(low.values[low.outputs[name] as number]).toEqual(g.values[value])
    expect(Object.keys(low.inputs).sort()).toEqual(Object.keys(g.inputs).sort())
  })
  it("keep the fused ops that a backend names", () => {
    const low = lower(g, (op) => required.has(op) || op === "softmax" || op === "linear")
    expect(count(low, "linear")).toBe(1)
    expect(count(low, "softmax")).toBe(1)
    expect(count(low, "gelu")).toBe(0)
  })
  it("refuse a rewrite that changes a type", () => {
    expect(() =>
      unfold(g, ({ op, attributes }, inputs, outputs) =>
        op === "gelu" ? [full([1], 0)] : apply(op, inputs, attributes, outputs),
      ),
    ).toThrow("gelu: output 0 became [1] and was [batch, 4]")
  })
})

describe("interpret", () => {
  const kernels: Kernels<{ n: number }> = {
    full: (_, { attributes }) => [{ n: attributes.value }],
    add: ([a, b]) => [{ n: a.n + b.n }],
    mul: ([a, b]) => [{ n: a.n * b.n }],
    split: ([a]) => [{ n: a.n }, { n: 0 }],
  }
  it("frees every value of its own once, after its last use, and no other", () => {
    const [first] = ops.split(add(x, 2), 0, 2)
    const y = mul(first, add(first, 3))
    const g = bindBatch(graph({ outputs: { y, handed: x }, updates: { w: add(state("w", []), 1) } }), undefined)
    const freed: { n: number }[] = []
    const given = { n: 10 }
    const slot = { n: 5 }
    const { outputs, updates } = interpret(g, kernels, { x: given }, { w: slot }, (value) => freed.push(value))
    expect(outputs).toEqual({ y: { n: 12 * 15 }, handed: given })
    expect(updates["w"]).toEqual({ n: 6 })
    expect(new Set(freed).size).toBe(freed.length)
    expect(freed).not.toContain(given)
    expect(freed).not.toContain(slot)
    const own = g.nodes.filter(({ op }) => op !== "input" && op !== "state").flatMap(({ outputs }) => outputs).length
    expect(freed.length).toBe(own - 2)
  })
  it("tells which kernel is missing", () => {
    const g = bindBatch(graph({ outputs: { y: exp(x) } }), undefined)
    expect(() => interpret(g, kernels, { x: { n: 1 } }, {}, () => {})).toThrow("this backend has no kernel for exp")
  })
})

describe("gradients", () => {
  it("are zeros where nothing depends on it", () => {
    const [grad] = gradients([exp(x)], [input("other", [3])])
    expect(grad?.node.op).toBe("full")
    expect(grad?.shape).toEqual([3])
  })
  it("do not build what nobody asks for", () => {
    const [a, b] = [input("a", [2, 3]), input("b", [3, 4])]
    const g = graph({ outputs: { da: gradients([ops.matMul(a, b)], [a])[0] as Tensor } })
    expect(count(g, "matMul")).toBe(1)
    expect(Object.keys(g.inputs)).toEqual(["b"])
  })
  it("of gradients are refused where a fused op has none", () => {
    const [first] = gradients([ops.gelu(x)], [x]) as [Tensor]
    expect(() => gradients([first], [x])).toThrow("gradients: geluGrad cannot be differentiated again")
  })
  it("reach a value in the middle", () => {
    const middle = exp(x)
    const [grad] = gradients([mul(middle, middle)], [middle]) as [Tensor]
    expect(count(graph({ outputs: { grad } }), "exp")).toBe(1)
  })
})

describe("cut", () => {
  const [w, v] = [state("w", [2, 2]), state("v", [2])]
  const hidden = ops.tanh(linear(input("x", ["batch", 2]), w))
  const flat = ops.reshape(hidden, ["batch*2"])
  const y = mul(ops.reshape(flat, ["batch", 2]), v)
  const [dw, dv] = gradients([y], [w, v], [input("dy", y.shape)]) as [Tensor, Tensor]
  const whole = graph({ outputs: { y, dw }, updates: { v: ops.sub(v, dv) } })
  const { first, second, saved } = cut(whole, ["y"], 3)

  it("gives each half its inputs and outputs", () => {
    expect([Object.keys(first.inputs), Object.keys(first.outputs)]).toEqual([["x"], ["y"]])
    expect(Object.keys(second.inputs).toSorted()).toEqual(["dy", "x"])
    expect([Object.keys(second.outputs), Object.keys(second.updates)]).toEqual([["dw"], ["v"]])
  })
  it("saves values of the types that the second half reads, and those alone", () => {
    expect(Object.keys(first.updates)).toEqual(Object.keys(saved))
    for (const [name, type] of Object.entries(saved)) {
      expect(first.values[first.updates[name] as number]).toEqual(type)
      expect(second.values[second.states[name] as number]).toEqual(type)
    }
    // What tanh gives; its reshaped form is another view of it.
    expect(Object.values(saved)).toEqual([{ shape: [3, 2], dtype: "float32" }])
  })
  it("does not compute the first half again", () => {
    expect(count(second, "tanh") + count(second, "linear")).toBe(0)
    expect(count(first, "linear") + count(first, "tanh")).toBe(2)
  })
  it("saves no values that are given to both halves anyway", () => {
    expect(Object.keys(second.states)).toContain("v")
    expect(Object.values(first.updates)).not.toContain(first.states["v"])
  })
  it("knows the outputs", () => {
    expect(() => cut(whole, ["z"], 3)).toThrow(/no output "z"/)
  })
})
