import { decodeImage } from "../../src/web.ts"

addEventListener("message", ({ data }: MessageEvent<Blob>) => {
  void decodeImage(data).then((image) => postMessage(image))
})
