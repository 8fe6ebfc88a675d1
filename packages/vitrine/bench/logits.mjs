// Logits of many models in one process: reads lines of JSON, {path, image, options}, and answers each with a line,
// {logits} or {error}. tooling/golden/check_names.py uses it.
import { createInterface } from "node:readline"
import { load } from "vitrine"

for await (const line of createInterface({ input: process.stdin })) {
  const { path, image, options } = JSON.parse(line)
  let answer
  try {
    const model = await load(path, { backend: process.argv[2] ?? "onnx", ...options })
    const rows = model.config.classes === 0 ? await model.features([image]) : await model.logits([image])
    answer = { logits: [...rows[0]], config: model.config }
    await model.close()
  } catch (error) {
    answer = { error: error.message, kind: error.kind ?? error.stack }
  }
  console.log(JSON.stringify(answer))
}
