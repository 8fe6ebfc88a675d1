// Logits and exports of many models in one process: reads lines of JSON, {path, image, options} or {path, to}, where
// `to` are options of exportModel, and answers each with a line: {logits}, {notes} or {error, kind}.
// tooling/golden/check_names.py and check_exports.py use it.
import { createInterface } from "node:readline"
import { exportModel, load } from "vitrine"

async function logitsOf({ path, image, options }) {
  const model = await load(path, { backend: process.argv[2] ?? "onnx", ...options })
  const [row] = model.config.classes === 0 ? await model.features([image]) : await model.logits([image])
  await model.close()
  return { logits: [...row] }
}

async function exported({ path, to }) {
  const { notes } = await exportModel(path, to)
  return { notes }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  const answer = await (request.to === undefined ? logitsOf(request) : exported(request)).catch((error) => ({
    error: error.message,
    kind: error.kind ?? error.stack,
  }))
  console.log(JSON.stringify(answer))
}
