import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { Teach } from "../teach/teach.tsx"
import { Live } from "./live.tsx"
import { Runs } from "./runs.tsx"
import { Setup } from "./setup.tsx"
import { refreshRuns } from "./state.ts"

export function Train(): JSX.Element {
  const { train: t, teach } = strings.value
  useEffect(() => void refreshRuns(), [])
  return (
    <main id="content" class="room" tabIndex={-1}>
      <header class="opening">
        <h1>{teach.title}</h1>
        <p class="lead">{teach.lead}</p>
      </header>
      <Teach />
      <header class="opening" id="train-form">
        <h2 class="title">{t.title}</h2>
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
