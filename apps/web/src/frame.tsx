import type { JSX } from "preact"
import { addressOf, type Room } from "./router.ts"
import { strings } from "./strings/index.ts"

/** Whether another site shows this one in a frame: it could lead the reader's clicks. */
export const inForeignFrame: boolean = hasForeignParent(window)

function hasForeignParent(frame: Window): boolean {
  if (frame.parent === frame) return false
  try {
    return frame.parent.location.origin !== location.origin || hasForeignParent(frame.parent)
  } catch {
    return true
  }
}

/** In the place of a room with camera and files, a link that opens it outside of the frame. */
export function Framed({ room }: { readonly room: Room }): JSX.Element {
  const { frame } = strings.value
  return (
    <main id="content" class="room">
      <p class="status" role="alert">
        {frame.refused}{" "}
        <a href={addressOf(room)} target="_blank" rel="noopener">
          {frame.open}
        </a>
      </p>
    </main>
  )
}
