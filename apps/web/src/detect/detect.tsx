import "../style/detect.css"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { Alert } from "../figures/alert.tsx"
import { droppedFiles } from "../figures/files.ts"
import { strings } from "../strings/index.ts"
import { DetectorChoice } from "./detector-choice.tsx"
import { ExaminedQuery } from "./examined-query.tsx"
import { PictureAnswers } from "./picture-answers.tsx"
import * as state from "./state.ts"

export function Detect(): JSX.Element {
  const t = strings.value.detect
  useEffect(() => {
    if (state.summary.peek() === null) void state.start(location.search)
  }, [])
  return (
    <main
      id="content"
      class="room detect"
      tabIndex={-1}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void droppedFiles(event.dataTransfer).then(state.addFiles)
      }}
    >
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      {state.fault.value === null ? null : <Alert>{strings.value.status.failed(state.fault.value)}</Alert>}
      <p class="status" role="status" data-busy={state.busy.value > 0 || state.detections.value === null}>
        {state.summary.value === null && state.fault.value === null
          ? strings.value.status.starting
          : state.busy.value > 0
            ? strings.value.status.computing
            : ""}
      </p>
      <div class="stages" aria-busy={state.busy.value > 0 && state.detections.value !== null}>
        <PictureAnswers />
        <ExaminedQuery />
      </div>
      <Ideas />
      <DetectorChoice />
    </main>
  )
}

function Ideas(): JSX.Element {
  const t = strings.value.detect
  const queries = state.summary.value?.queries ?? 16
  return (
    <section class="ideas" aria-label={t.paper}>
      {t.ideas.map(({ title, text }) => (
        <div key={title}>
          <h2>{title}</h2>
          <p>{text(queries)}</p>
        </div>
      ))}
      <small>{t.paper}</small>
    </section>
  )
}
