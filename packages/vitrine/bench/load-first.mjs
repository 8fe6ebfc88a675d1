// The first answer of a model to an image; without a model, nothing but the engine.
const { createBackend, load } = await import("vitrine")
const [model, image] = process.argv.slice(2)
const backend = await createBackend("onnx")
if (model === undefined) process.exit(0)
const start = performance.now()
const loaded = await load(model, { backend })
const [logits] = await loaded.logits([image])
console.log(JSON.stringify({ afterImports: performance.now() - start, logits: [...logits] }))
