import { existsSync } from "node:fs"
import { load, train } from "vitrine"

// Your own: a folder with a folder of images for each class.
const data = process.argv[2] ?? "shapes"
const out = "runs/first"

if (!existsSync(out)) {
  const recipe = data === "shapes" ? { steps: 60, model: { dim: 32, depth: 2, heads: 2, mlpDim: 64 } } : {}
  for await (const event of train({ data, recipe, out })) {
    if (event.type === "step" && event.step % 10 === 0) console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`)
    if (event.type === "evaluation") console.log(`right: ${(100 * event.top1).toFixed(1)} %`)
  }
}

const model = await load(out)
console.log(`${out} knows ${model.labels.join(", ")}`)
const image = process.argv[3]
if (image !== undefined) console.log(await model.predict(image, { top: 3 }))
await model.close()
