import { taskOf } from "vitrine"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { evalFlags } from "../flags/eval.ts"
import { modelAndOthers, modelHelp } from "../flags/model.ts"
import { localModel } from "../hub.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"

export async function evaluation(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.eval())
  return defineCommand({
    arguments: [["[model]", modelHelp]],
    flags: evalFlags,
    taskFlags: parts.flags,
    examples: [
      ["vitrine eval runs/flowers-1", "on the run's own validation images"],
      ["vitrine eval --model runs/flowers-1 --data other --json", ""],
      ["vitrine eval --model runs/flowers-1 --data other third", "a table over data sets, and their mean"],
      [
        "vitrine eval --model hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k --data imagenet --real-labels real.json",
        "",
      ],
    ],
    async run([first], values, names) {
      const { model } = modelAndOthers([first], values.model)
      const { path } = await localModel(model, values.checkpoint)
      await parts.of(tasks[await taskOf(path)], names).evaluate(path, { ...values, model })
    },
  })
}
