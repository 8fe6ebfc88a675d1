import type { JSX } from "preact"
import { type Box, Boxes } from "../figures/boxes.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { Saved } from "../figures/saved.tsx"
import { pictureTypes, Shots } from "../figures/shots.tsx"
import { strings } from "../strings/index.ts"
import { AnswerTable } from "./answer-table.tsx"
import { nameOf, toneOf } from "./names.ts"
import { Stage } from "./stage.tsx"
import * as state from "./state.ts"

/** The picture with the boxes of the answers, and a table of them. */
export function PictureAnswers(): JSX.Element {
  return (
    <Saved id="found" title={strings.value.detect.answers} head={<PictureChoice />} foot={<AnswerTable />}>
      <PictureWithBoxes />
    </Saved>
  )
}

function PictureChoice(): JSX.Element {
  const t = strings.value.detect
  const shots = state.shots.value
  const isForeign = state.current.value > 0 && state.origin.value.kind === "builtIn"
  return (
    <>
      <DropZone
        buttons={[{ text: strings.value.inspect.choosePictures, accept: pictureTypes }]}
        onFiles={(entries) => void state.addPictures(entries)}
      >
        {shots.length < 2 ? null : (
          <Shots shots={shots} current={state.current.value} onShow={(i) => void state.show(i)} />
        )}
        <button type="button" class="primary" onClick={() => void state.anotherScene()}>
          {t.another}
        </button>
        <small>{t.dropPictures}</small>
      </DropZone>
      {isForeign ? <p class="hint">{t.small}</p> : null}
    </>
  )
}

function PictureWithBoxes(): JSX.Element {
  const t = strings.value.detect
  const picture = state.detections.value
  const shot = state.shots.value[state.current.value]
  if (picture === null) return <Preview />
  const { threshold, markedQuery, answers, withIdle, withTruth } = state
  const boxes = answers.value.flatMap(({ query, label, score, box }): Box[] => {
    const isMarked = query === markedQuery.value
    if (score <= threshold.value)
      return withIdle.value || isMarked
        ? [{ key: query, corners: box, tone: "none", weight: isMarked ? "strong" : "idle" }]
        : []
    const weight = isMarked ? "strong" : markedQuery.value === null ? "plain" : "faint"
    const name = `${nameOf(label)} ${Math.round(100 * score)}`
    return [{ key: query, corners: box, tone: toneOf(label), weight, ...(weight !== "faint" && { label: name }) }]
  })
  const scene = shot?.scene
  if (withTruth.value && scene)
    for (const i of scene.labels.keys())
      boxes.push({ key: `true ${i}`, corners: cornersOf(scene.boxes, i), tone: "true", weight: "dashed" })
  const label = state.current.value === 0 ? t.scene(state.sceneNumber.value) : (shot?.name ?? "")
  const count = answers.value.filter(({ score }) => score > threshold.value).length
  return (
    <Stage label={`${label}: ${t.objects(count)}`} picture={picture}>
      <Boxes
        boxes={boxes}
        aspect={picture.width / picture.height}
        onPoint={(key) => {
          state.pointedQuery.value = typeof key === "number" ? key : null
        }}
        onChoose={(key) => {
          state.chosenQuery.value = typeof key === "number" ? key : null
        }}
      />
    </Stage>
  )
}

const cornersOf = (boxes: Float64Array, index: number): Box["corners"] => {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * index, 4 * index + 4)
  return [x0, y0, x1, y1]
}

/** The scene without answers. It is shown until the detector is open. */
function Preview(): JSX.Element {
  const picture = state.shots.value[0]?.picture
  if (!(picture instanceof ImageData)) return <div class="waiting stage" />
  const { width, height, data } = picture
  const pixels = data.filter((_, i) => i % 4 < 3)
  return (
    <Stage
      label={strings.value.detect.scene(state.sceneNumber.value)}
      picture={{ pixels: new Uint8Array(pixels), width, height, grid: [1, 1] }}
    />
  )
}
