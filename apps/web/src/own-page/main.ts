/** The script of a page of one's own. It is inlined with the model, and asks for nothing. */
import { referenceBackend } from "@vitrine/backend-reference"
import { zipSync } from "fflate"
import { load } from "vitrine/web"
import type { OwnPage } from "./own-page.ts"

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}

const textOf = (id: string): string => element(id).textContent ?? ""

const page: OwnPage = JSON.parse(textOf("page"))
const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
const files = { "config.json": bytesOf(textOf("config")), "model.safetensors": bytesOf(textOf("weights")) }
const opening = load(files, { backend: referenceBackend() })

const [status, guesses, shown, chooser, camera, saver, drop] = [
  element("status"),
  element("guesses"),
  element("shown"),
  element("chooser"),
  element("camera"),
  element("save"),
  element("drop"),
]

async function guess(picture: Blob | ImageData): Promise<void> {
  const model = await opening
  const rows = (await model.predict(picture, { top: model.labels.length })).map(({ label, probability }, i) => {
    const row = document.createElement("tr")
    if (i === 0) row.className = "best"
    const [name, track, number] = [
      document.createElement("th"),
      document.createElement("td"),
      document.createElement("td"),
    ]
    name.textContent = label
    const bar = document.createElement("meter")
    bar.value = probability
    track.append(bar)
    number.textContent = `${(100 * probability).toFixed(1)} %`
    row.append(name, track, number)
    return row
  })
  guesses.replaceChildren(...rows)
  status.textContent = ""
}

function failed(error: unknown): void {
  status.textContent = error instanceof Error ? error.message : String(error)
}

async function show(file: Blob): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file)
    const canvas = document.createElement("canvas")
    const scale = Math.min(1, 320 / Math.max(bitmap.width, bitmap.height))
    canvas.width = Math.max(1, Math.round(scale * bitmap.width))
    canvas.height = Math.max(1, Math.round(scale * bitmap.height))
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
    shown.replaceChildren(canvas)
    await guess(file)
  } catch (error) {
    failed(error)
  }
}

chooser.addEventListener("change", () => {
  const [file] = chooser instanceof HTMLInputElement ? (chooser.files ?? []) : []
  if (file !== undefined) void show(file)
})
drop.addEventListener("dragover", (event) => event.preventDefault())
drop.addEventListener("drop", (event) => {
  event.preventDefault()
  const [file] = event.dataTransfer?.files ?? []
  if (file !== undefined) void show(file)
})

/** Closes the camera, while it is open. */
let closing: AbortController | null = null

async function follow(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  const side = 224
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  if (context === null) return
  context.canvas.width = side
  context.canvas.height = side
  while (!signal.aborted) {
    const { videoWidth: width, videoHeight: height } = video
    const size = Math.min(width, height)
    if (size > 0) {
      context.drawImage(video, (width - size) / 2, (height - size) / 2, size, size, 0, 0, side, side)
      await guess(context.getImageData(0, 0, side, side))
    }
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

camera.addEventListener("click", () => {
  const open = async (): Promise<void> => {
    if (closing !== null) {
      closing.abort()
      closing = null
      shown.replaceChildren()
      return
    }
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
    closing = new AbortController()
    const { signal } = closing
    signal.addEventListener("abort", () => {
      for (const track of stream.getTracks()) track.stop()
    })
    const video = document.createElement("video")
    video.muted = true
    video.playsInline = true
    video.srcObject = stream
    shown.replaceChildren(video)
    await video.play()
    await follow(video, signal)
  }
  open().catch((error: unknown) => failed(new Error(`${page.noCamera} ${error instanceof Error ? error.message : ""}`)))
})

saver.addEventListener("click", () => {
  const inFolder = Object.entries(files).map(([name, bytes]) => [`${page.folder}/${name}`, bytes])
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([zipSync(Object.fromEntries(inFolder), { level: 0 })]))
  link.download = `${page.folder}.zip`
  link.click()
})

const ready = async (): Promise<void> => {
  await opening
  status.textContent = ""
}
ready().catch(failed)
