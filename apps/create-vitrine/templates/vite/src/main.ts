import { load, memoryStore, type Model, type ImageInput, train } from "vitrine/web"

const state = document.querySelector("#state")!
const input = document.querySelector("input")!
const output = document.querySelector("output")!

/** Your model, if public/model has one. Otherwise one that learns built-in drawings here. */
async function model(): Promise<Model<ImageInput>> {
  const config = await fetch("/model/config.json")
  if (config.headers.get("content-type")?.includes("json")) return load("/model/")
  const store = memoryStore()
  const recipe = { steps: 60, model: { dim: 32, depth: 2, heads: 2, mlpDim: 64 } }
  for await (const event of train({ data: "shapes", recipe, store }))
    if (event.type === "step") state.textContent = `learns drawings: step ${event.step}, loss ${event.loss.toFixed(2)}`
  return load(store.files())
}

const loaded = await model()
state.textContent = `knows ${loaded.labels.join(", ")}`
input.disabled = false
input.addEventListener("change", async () => {
  const [file] = input.files ?? []
  if (file === undefined) return
  const guesses = await loaded.predict(file, { top: 3 })
  output.textContent = guesses
    .map(({ label, probability }) => `${label} ${(100 * probability).toFixed(0)} %`)
    .join(", ")
})
