import { type Command, Option } from "commander"
import { addOverrides, dilation, examples } from "./options.ts"
import { precisionsValue } from "./values.ts"

/** Adds the command `export`. */
export function addExport(cli: Command, modelHelp: string): void {
  addOverrides(
    cli
      .command("export")
      .description("Write a model as timm, Hugging Face's transformers, or onnxruntime and transformers.js load it.")
      .argument("<model>", modelHelp)
      .addOption(
        new Option("--to <world>", "timm, hf (transformers), or onnx (onnxruntime, transformers.js)")
          .choices(["timm", "hf", "onnx"])
          .makeOptionMandatory(),
      )
      .option("-o, --out <path>", "a new folder, or a file that ends in .onnx; default: MODEL-<to>")
      .addOption(
        new Option("--dtype <name>", "float32 or float16; of onnx both, with a comma, as two files").argParser(
          precisionsValue,
        ),
      )
      .addOption(new Option("--quantize <name>", "of onnx: linear layers in integers").choices(["int8"]))
      .option("--force", "replace an export that is there")
      .option("--json", "one JSON document")
      .addOption(dilation()),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine export runs/flowers-1 --to timm", 'timm.create_model("local-dir:flowers-1-timm")'],
        ["vitrine export runs/flowers-1 --to hf -o flowers", 'pipeline("image-classification", "./flowers")'],
        ["vitrine export runs/flowers-1 --to onnx -o public/flowers", "for transformers.js, in a folder"],
        ["vitrine export runs/flowers-1 --to onnx -o flowers.onnx", "one file for onnxruntime"],
        ["vitrine export runs/scenes-1 --to onnx", "of a detector: one file, for images of --image-size"],
        ["vitrine export runs/mnist-1 --to onnx", "of a model that reads: encoder_model.onnx, decoder_model.onnx"],
        ["vitrine export ViT-B_16.npz --to onnx --dtype float32,float16 --quantize int8", "three files"],
      ),
    )
    .action(async (model, options) => (await import("./commands/export.ts")).exportCommand(model, options))
}
