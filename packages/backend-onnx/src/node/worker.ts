import { type MessagePort, parentPort } from "node:worker_threads"
import { engineBackend } from "../engine/backend.ts"
import type { Request } from "../remote/protocol.ts"
import { serve } from "../remote/server.ts"
import { type NativeOptions, nativeEngine } from "./engine.ts"

if (parentPort === null) throw new Error("this file is the program of a worker thread")
const port: MessagePort = parentPort
const answer = serve(
  async (options) => engineBackend(await nativeEngine(options as NativeOptions), { adoptsData: true }),
  (reply, transfer) => port.postMessage(reply, transfer),
)
port.on("message", (request: Request) => void answer(request))
