import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { Live } from "./live.tsx"
import { Runs } from "./runs.tsx"
import { Setup } from "./setup.tsx"
import { refreshRuns } from "./state.ts"

export function Train(): JSX.Element {
  const t = strings.value.train
  useEffect(() => void refreshRuns(), [])
  return (
    <main id="content" class="room" tabIndex={-1}>
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      <div class="train-grid">
        <Setup />
        <Live />
      </div>
      <Runs />
    </main>
  )
}
