import { adam, caseOf, configOf, inferGraph, trainGraph, trainSlots, weightsIn } from "./cases.mjs"
import { answer } from "./contender.mjs"
import { dataOf, scalarsAt } from "./steps.mjs"

/** Answers for a backend of ours, with the weights in a folder. */
export async function answerCase(caseName, folder, backend) {
  const { train, model, batch } = caseOf(caseName)
  const config = configOf(model)
  const weights = weightsIn(`${folder}/${model}.safetensors`)
  const { images, targets, weights: ones } = dataOf(config, batch)

  if (train) {
    const program = await backend.compile(trainGraph(config), { batch })
    const data = Object.fromEntries(weights.map(({ name, read }) => [name, read()]))
    const state = await backend.createState(trainSlots(config), data)
    let t = 0
    const step = async () => {
      const { loss } = await program.run({ images, targets, weights: ones, ...scalarsAt(++t, adam) }, state)
      return loss.data[0]
    }
    await answer([await step(), await step(), await step()], step, () => backend.close())
  } else {
    const constants = Object.fromEntries(
      weights.map(({ name, path, offset, length }) => [name, { path, offset, length }]),
    )
    const program = await backend.compile(inferGraph(config), { batch, constants })
    const { logits } = await program.run({ images })
    await answer(Array.from(logits.data.slice(0, 3)), () => program.run({ images }))
  }
}
