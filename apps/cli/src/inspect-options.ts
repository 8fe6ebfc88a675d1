import { type Command, Option } from "commander"
import { addOverrides, backend, dilation, examples, precision, threads } from "./options.ts"
import { figureNames } from "./show/figure-names.ts"
import { integerValue, listValue, queryValue } from "./values.ts"

/** Adds the command `inspect`. */
export function addInspect(cli: Command, modelHelp: string): void {
  addOverrides(
    cli
      .command("inspect")
      .description("Look inside a model: draw what it has learned and where it looks, or give the values of any step.")
      .argument("<model>", modelHelp)
      .argument("[image...]", "image files, or folders of them; without, what the model and its run show by themselves")
      .option(
        "--figure <names>",
        `which, with commas or again: all, ${figureNames.join(", ")}`,
        listValue(["all", ...figureNames]),
      )
      .option(
        "--block <i>",
        "of the attention and the features, from 0; default: all, and the last; of a detector or reader a layer of its decoder",
        integerValue(0),
      )
      .option("--head <j>", "of the attention, from 0; default: all", integerValue(0))
      .option(
        "--query <which>",
        "who looks: class, mean, or a patch as ROW,COLUMN; default: what the head reads; or a number: an object query of a detector, a character of a reader",
        queryValue,
      )
      .option("--data <path>", "images for the confusion matrix; default: the run's own")
      .option("-o, --out <path>", "folder for figures (default: figures), or a .safetensors file with --tap")
      .addOption(new Option("--format <name>", "of the figures").choices(["png", "svg", "json"]).default("png"))
      .addOption(new Option("--theme <name>", "of the figures").choices(["light", "dark"]).default("light"))
      .option("--list-taps", "name all steps of the computation, with their shapes")
      .option(
        "--tap <names>",
        "give values of these steps, with commas or again; blocks.3 is what block 3 gives",
        listValue(),
      )
      .option("--json", "one JSON document; with --tap, all values")
      .addOption(dilation())
      .addOption(backend())
      .addOption(threads())
      .addOption(precision()),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine inspect runs/flowers-1", "filters, positions, learning curve, confusion"],
        ["vitrine inspect runs/flowers-1 tulip.jpg rose.jpg", "and attention, rollout, features in figures/"],
        ["vitrine inspect runs/flowers-1 tulip.jpg --figure attention --block 5 --head 2", ""],
        ["vitrine inspect runs/scenes-1 photo.jpg --block 0", "where a detector looks for each object it finds"],
        ["vitrine inspect runs/mnist-1 row.png", "where a reader looks for each character"],
        ["vitrine inspect runs/flowers-1 --list-taps", ""],
        [
          "vitrine inspect runs/flowers-1 tulip.jpg --tap blocks.3 --json",
          '{"results":[{"taps":{"blocks.3":{"shape":…',
        ],
        ["vitrine inspect runs/flowers-1 photos --tap blocks.0,blocks.1 -o taps.safetensors", ""],
      ),
    )
    .action(async (model, images, options) => {
      process.exitCode = await (await import("./commands/inspect.ts")).inspect(model, images, options)
    })
}
