import { existsSync } from "node:fs"
import { load, train } from "vitrine"

const folder = "public/model"

/** Your model in public/model. The first time, one that learns built-in drawings. */
async function open() {
  if (!existsSync(`${folder}/config.json`)) {
    const recipe = { steps: 60, model: { dim: 32, depth: 2, heads: 2, mlpDim: 64 } }
    for await (const event of train({ data: "shapes", recipe, out: folder }))
      if (event.type === "evaluation") console.log(`right: ${(100 * event.top1).toFixed(1)} %`)
  }
  return load(folder)
}

let model

export async function POST(request) {
  model ??= open()
  const bytes = new Uint8Array(await request.arrayBuffer())
  return Response.json(await (await model).predict(bytes, { top: 3 }))
}
