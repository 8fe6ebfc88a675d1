import { decodeImage } from "../../src/web.ts"

addEventListener("message", async ({ data }: MessageEvent<Blob>) => postMessage(await decodeImage(data)))
