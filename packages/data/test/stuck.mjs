// A thread of a pool that reads from a pipe that nobody writes.
import { readFile } from "node:fs/promises"
import { parentPort, workerData } from "node:worker_threads"

parentPort.on("message", ({ id }) => {
  void readFile(workerData)
  setTimeout(() => parentPort.postMessage({ id, batch: {} }), 50)
})
