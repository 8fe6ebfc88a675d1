import { forwardFlops, vitVariant, vitConfig } from "@vitrine/core"
import { golden } from "@vitrine/golden"
import { bitConfig, bitVariant, isBiTVariant } from "@vitrine/resnet"
import { describe, expect, test } from "vitest"
import { imageModel } from "../src/index.ts"

const { published, golden: narrow } = golden("flops").json as {
  readonly published: readonly { readonly variant: string; readonly flops: number }[]
  readonly golden: Readonly<Record<string, number>>
}

describe("operations of one image are as torch.utils.flop_counter counts timm's", () => {
  test.each(published)("$variant", ({ variant: name, flops }) => {
    expect(forwardFlops(imageModel(isBiTVariant(name) ? bitVariant(name) : vitVariant(name)))).toBe(flops)
  })

  test.each(Object.entries(narrow))("%s", (name, flops) => {
    const { config } = golden(name).json
    expect(forwardFlops(imageModel(name.startsWith("bit-") ? bitConfig(config) : vitConfig(config)))).toBe(flops)
  })
})
