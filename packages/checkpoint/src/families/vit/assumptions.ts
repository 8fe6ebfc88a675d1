import { rotaryPositions, type ViTConfig } from "@vitrine/core"

/** A note on a model without a `config.json`: which model it is taken for, and what no tensor determines. */
export function assumptions(name: string, config: ViTConfig): string {
  const { heads, activation, imageSize, layerNormEpsilon, layerScale, qkNorm } = config
  const rotary = rotaryPositions(config)
  const facts = [
    // A norm within each head has a head's width, and learned frequencies have a row for each head.
    ...(qkNorm || rotary?.frequencies === "learned" ? [] : [`${heads} heads`]),
    activation,
    `ε = ${layerNormEpsilon}`,
    ...(config.pool === "token" || config.pool === "average" ? [`${featureWords(config)} as features`] : []),
    ...(config.blockKind === "sequential" && layerScale === null
      ? [`norms ${config.postNorm ? "behind" : "before"} the layers`]
      : []),
    ...(config.stem === null ? [] : [`${config.stem.groups} groups in its ResNet`]),
    ...(rotary === null ? [] : rotationsOf(rotary)),
  ]
  return `has no config.json: taken for ${name} with ${facts.join(", ")}, at ${imageSize.join("×")}, its images for timm's usual ones; no tensor tells these`
}

/** The features that the head reads. */
export function featureWords({ pool, poolPrefix }: ViTConfig): string {
  const average = `the average of ${poolPrefix ? "all tokens" : "the patches"}`
  switch (pool) {
    case "token":
      return "the class token"
    case "average":
      return average
    case "map":
      return "what a learned query draws from the patches"
    case "token+average":
      return `the class token and ${average}`
  }
}

function rotationsOf({ axes, centres, frequencies, offset, pairs, reference, temperature }: Rotary): readonly string[] {
  return [
    `coordinates in the order ${axes}`,
    `pairs of ${pairs}`,
    ...(frequencies === "fixed" ? [`a temperature of ${temperature}`] : []),
    ...(centres ? ["coordinates of centres"] : [`an offset of ${offset}`]),
    ...(reference === null ? [] : [`a reference grid of ${reference.join("×")}`]),
  ]
}

type Rotary = NonNullable<ReturnType<typeof rotaryPositions>>
