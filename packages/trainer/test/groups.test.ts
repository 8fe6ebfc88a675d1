import { vitVariant, vitParameters } from "@vitrine/core"
import { parameterGroups } from "@vitrine/trainer"
import { expect, test } from "vitest"

const config = vitVariant("Ti/16", { depth: 3 })
const parameters = vitParameters(config)
const plain = { weightDecay: 0.05, decay: "matrices", layerDecay: 1, freeze: [], rates: {} } as const

test("only matrices decay, unless all do", () => {
  const found = parameterGroups(parameters, plain)
  const decaying = found.filter(({ weightDecay }) => weightDecay > 0).flatMap((group) => group.parameters)
  expect(decaying.every(({ name }) => name.endsWith("weight") && !name.includes("norm"))).toBe(true)
  expect(decaying.map(({ name }) => name)).toContain("patch_embed.proj.weight")
  expect(found.flatMap((group) => group.parameters)).toHaveLength(parameters.length)
  expect(parameterGroups(parameters, { ...plain, decay: "all" })).toHaveLength(1)
})

test("what is frozen is in no group", () => {
  const found = parameterGroups(parameters, { ...plain, freeze: ["blocks.0", "pos_embed"] }).flatMap(
    (group) => group.parameters,
  )
  const names = found.map(({ name }) => name)
  expect(names.some((name) => name.startsWith("blocks.0.") || name === "pos_embed")).toBe(false)
  expect(names).toContain("blocks.1.attn.qkv.weight")
})

test("says what cannot be frozen", () => {
  expect(() => parameterGroups(parameters, { ...plain, freeze: ["block.0"] })).toThrow(
    'no parameter is named "block.0"',
  )
  const everything = [...new Set(parameters.map(({ name }) => name))]
  expect(() => parameterGroups(parameters, { ...plain, freeze: everything })).toThrow("nothing is left to train")
})

test("computed position tables never learn", () => {
  const fixed = vitParameters({ ...config, positions: "sincos2d" })
  const names = parameterGroups(fixed, plain).flatMap((group) => group.parameters.map(({ name }) => name))
  expect(names).not.toContain("pos_embed")
})

test("frequencies of rotary positions learn at the head's rate and never decay, as in timm", () => {
  const rotary = {
    kind: "rotary",
    pairs: "neighbours",
    axes: "xy",
    centres: false,
    offset: 0,
    reference: null,
    frequencies: "learned",
    temperature: 10,
    table: true,
  } as const
  const mixed = vitParameters({ ...config, positions: rotary, keyBias: false, layerScale: 0.1 })
  const groups = parameterGroups(mixed, { ...plain, layerDecay: 0.5 })
  const groupOf = (name: string): readonly [scale: number, weightDecay: number] | undefined => {
    const group = groups.find(({ parameters }) => parameters.some((parameter) => parameter.name === name))
    return group && [group.scale, group.weightDecay]
  }
  expect(groupOf("rope.freqs")).toEqual([1, 0])
  expect(groupOf("head.weight")).toEqual([1, 0.05])
  expect(groupOf("blocks.2.gamma_1")).toEqual([0.5, 0])
  expect(groupOf("blocks.0.attn.q_bias")).toEqual([0.125, 0])
  expect(groupOf("blocks.1.attn.qkv.weight")).toEqual([0.25, 0.05])
  expect(groupOf("pos_embed")).toEqual([0.0625, 0])
  const frozen = parameterGroups(mixed, { ...plain, freeze: ["backbone"] }).flatMap((group) => group.parameters)
  expect(frozen.map(({ name }) => name)).toEqual(["head.weight", "head.bias"])
})

test("prefixes have rates of their own", () => {
  const found = parameterGroups(parameters, { ...plain, decay: "all", rates: { blocks: 0.1, "blocks.2": 0.5 } })
  const scaleOf = (name: string): number | undefined =>
    found.find((group) => group.parameters.some((parameter) => parameter.name === name))?.scale
  expect(scaleOf("cls_token")).toBe(1)
  expect(scaleOf("blocks.0.norm1.bias")).toBe(0.1)
  expect(scaleOf("blocks.2.norm1.bias")).toBe(0.05)
  expect(() => parameterGroups(parameters, { ...plain, rates: { backbone: 0.1 } })).toThrow(
    'no parameter is named "backbone"',
  )
  expect(() => parameterGroups(parameters, { ...plain, rates: { blocks: -1 } })).toThrow(
    "rates must be values by name, each a number of 0 or more",
  )
})
