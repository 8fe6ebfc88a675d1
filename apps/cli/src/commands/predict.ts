import { taskOf } from "vitrine"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { imagesHelp, modelAndOthers, modelHelp } from "../flags/model.ts"
import { predictFlags } from "../flags/predict.ts"
import { localModel } from "../hub.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"

export async function predict(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.predict())
  return defineCommand({
    arguments: [
      ["[model]", modelHelp],
      ["[image...]", imagesHelp],
    ],
    flags: predictFlags,
    taskFlags: parts.flags,
    examples: [
      ["vitrine predict runs/flowers-1 tulip.jpg", ""],
      ["vitrine predict --model runs/flowers-1 photos --top 1 --json", "every image in photos/"],
      ["vitrine predict --model runs/flowers-1 photo.jpg --image-size 384 --crop-pct 1", "at a higher resolution"],
      ["vitrine predict --model runs/mnist-1 row.png --beams 4", "a run of --task read: the text in an image"],
      ["vitrine predict --model hf:google/vit-base-patch16-224 photo.jpg", "fetched from the Hugging Face hub"],
    ],
    async run([first, rest], values, names) {
      const { model, others } = modelAndOthers([first, ...rest], values.model, "image")
      const { path } = await localModel(model, values.checkpoint)
      return parts.of(tasks[await taskOf(path)], names).predict(path, others, { ...values, model })
    },
  })
}
