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
