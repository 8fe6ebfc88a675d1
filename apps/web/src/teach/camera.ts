import { type Signal, signal } from "@preact/signals"
import { messageOf } from "../engine/client.ts"

/** The camera's pictures, while it is open. All parts of the room share it. */
export const stream: Signal<MediaStream | null> = signal(null)
export const cameraFault: Signal<string | null> = signal(null)

export async function openCamera(): Promise<void> {
  cameraFault.value = null
  if (stream.value !== null) return
  try {
    stream.value = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
  } catch (error) {
    cameraFault.value = messageOf(error)
  }
}

export function closeCamera(): void {
  for (const track of stream.value?.getTracks() ?? []) track.stop()
  stream.value = null
}

const side = 224

/** The middle square of what the camera sees now, or null before it sees anything. */
export function frameOf(video: HTMLVideoElement | null): ImageData | null {
  if (video === null || video.videoWidth === 0) return null
  const { videoWidth: width, videoHeight: height } = video
  const size = Math.min(width, height)
  const context = new OffscreenCanvas(side, side).getContext("2d")
  context?.drawImage(video, (width - size) / 2, (height - size) / 2, size, size, 0, 0, side, side)
  return context?.getImageData(0, 0, side, side) ?? null
}
