import type { JSX } from "preact"
import type { Sample } from "../engine/samples.ts"
import { percent } from "../figures/format.ts"
import { Picture } from "../figures/picture.tsx"
import { strings } from "../strings/index.ts"

/** The name of a class. Built-in drawings have names in the reader's language. */
const className = (name: string): string => {
  const { classes } = strings.value.guide
  const english = ["arrow", "circle", "crescent", "cross", "half disc", "heart", "ring", "square", "star", "triangle"]
  return classes[english.indexOf(name)] ?? name
}

/** A picture that is darkened by its attention, with the prediction below. */
export function SampleFigure({ sample }: { readonly sample: Sample }): JSX.Element {
  const t = strings.value.train
  const { pixels, width, height, attention, grid, label, predicted, probability } = sample
  const largest = attention.reduce((a, b) => Math.max(a, b), 1e-9)
  const isRight = label === predicted
  return (
    <figure
      class={isRight ? "sample right" : "sample wrong"}
      aria-label={t.sample(className(predicted), percent(probability), className(label))}
    >
      <div class="glance" style={{ "--grid": grid[1] }}>
        <Picture pixels={pixels} width={width} height={height} />
        {Array.from(attention, (weight, i) => (
          <span key={i} class="patch" style={{ "--veil": 0.85 * (1 - weight / largest) }} />
        ))}
      </div>
      <figcaption>
        <span aria-hidden="true">{isRight ? "✓" : "✗"}</span> {className(predicted)} <b>{percent(probability)}</b>{" "}
        {isRight ? null : <small>{t.truth(className(label))}</small>}
      </figcaption>
    </figure>
  )
}
