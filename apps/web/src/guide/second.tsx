import type { JSX } from "preact"
import { engine } from "../engine/client.ts"
import { percent } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import { failed, useAnswer, Waiting } from "./answer.tsx"
import { dropped, picked } from "./state.ts"

/** What a model that has seen photographs says of the reader's own picture. */
export function Second(): JSX.Element | null {
  return picked.value === null ? <Answer /> : null
}

function Answer(): JSX.Element | null {
  const { second, photoClasses } = strings.value.guide
  const answer = useAnswer(async () => ({ answer: await engine().guide.second() }), dropped.value)
  if (answer === null || failed(answer)) return <Waiting answer={answer} />
  if (answer.answer === null) return null
  const { guesses, classes, side } = answer.answer
  const name = (label: string): string => photoClasses[label] ?? label
  const [first, ...others] = guesses ?? []
  return (
    <div class="second" role="status" data-second={first?.label ?? "none"}>
      <p>
        {second.says} <strong>{first === undefined ? second.none : name(first.label)}</strong>
        {first === undefined ? null : ` ${percent(first.probability)}`}
        {others.length === 0 ? null : (
          <small> {others.map(({ label, probability }) => `${name(label)} ${percent(probability)}`).join(" · ")}</small>
        )}
      </p>
      <p class="hint">{second.sees(side, classes.length > 12 ? null : classes.map(name).join(", "))}</p>
    </div>
  )
}
