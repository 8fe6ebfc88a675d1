import type { JSX, RefObject } from "preact"
import { useEffect } from "preact/hooks"
import { stream } from "./camera.ts"

/** Shows what the camera sees. */
export function Video({ element }: { readonly element: RefObject<HTMLVideoElement | null> }): JSX.Element {
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = stream.value
  }, [element, stream.value])
  return <video ref={element} class="camera" autoplay muted playsInline />
}
