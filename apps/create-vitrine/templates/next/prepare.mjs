// Before the app is built: copies the engine of the page to where Next serves it, and makes a model if there is none.
import { cpSync, existsSync, readdirSync } from "node:fs"
import { train } from "vitrine"

const engine = "node_modules/onnxruntime-web/dist"
for (const file of readdirSync(engine).filter((name) => /\.(wasm|mjs)$/.test(name)))
  cpSync(`${engine}/${file}`, `public/ort/${file}`)

const out = "public/model"
if (!existsSync(out)) {
  const recipe = { steps: 60, model: { dim: 32, depth: 2, heads: 2, mlpDim: 64 } }
  for await (const event of train({ data: "shapes", recipe, out }))
    if (event.type === "evaluation") console.log(`a model of drawings, ${(100 * event.top1).toFixed(1)} % right`)
}
