import { readFileSync } from "node:fs"
import { Command, Option } from "commander"
import { addDetect, annotations } from "./detect-options.ts"
import { complain, withHelp } from "./errors.ts"
import { addExport } from "./export-options.ts"
import { addInspect } from "./inspect-options.ts"
import { addOverrides, backend, examples, precision, threads } from "./options.ts"
import { addTrainOptions } from "./train-options.ts"
import { countsValue, integerValue, namesValue, nonNegativeValue, positiveValue } from "./values.ts"

const modelHelp =
  "a run folder, one of timm's or Hugging Face's, a .safetensors or .npz file, or hf:owner/name[@revision]"

/** The command line. What a command does is loaded when it is called, so that each starts fast. */
export function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string
  }
  const cli = new Command("vitrine")
    .description("Vision Transformers: train, evaluate, predict, look inside.")
    .version(version, "-V, --version")
    .configureOutput({ outputError: (text) => complain(usage(text)) })
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .helpCommand(true)
    .addHelpText(
      "after",
      examples(
        ["vitrine demo", "train on built-in drawings, evaluate, predict: a minute or two"],
        ["vitrine train --data flowers", "train on flowers/<class>/*.jpg"],
        ["vitrine predict --model runs/flowers-1 tulip.jpg", "ask the model"],
        ["vitrine inspect runs/flowers-1 tulip.jpg", "draw where it looks, and what it has learned"],
        ["vitrine export runs/flowers-1 --to onnx", "for onnxruntime and transformers.js"],
        ["vitrine doctor", "what this machine can run on"],
      ) + exitCodes,
    )
  addTrainOptions(
    cli.command("train").description("Train a Vision Transformer, or a ResNet, on labelled images."),
  ).action(async (options) => {
    process.exitCode = await (await import("./commands/train.ts")).train(options)
  })

  addOverrides(
    cli
      .command("eval")
      .description("Measure a model on labelled images: accuracy, loss, each class, confusion; a detector: COCO's AP.")
      .requiredOption("--model <model>", modelHelp)
      .option(
        "--data <path...>",
        'images: a folder, an archive, IDX files, or "shapes"; default: what the run was trained on',
      )
      .option(
        "--real-labels <file>",
        "score by ImageNet's reassessed labels too: real.json, a list of classes an image",
      )
      .addOption(new Option("--classes <a,b,…>", "measure on some of the data's classes").argParser(namesValue))
      .option("--by-position", "take the data's classes for the model's in their order, whatever they are called")
      .addOption(new Option("--split <name>", "which part of the data; default: val").choices(["val", "train", "test"]))
      .addOption(annotations())
      .option("--batch-size <n>", "images at a time", integerValue(1), 64)
      .option("--beams <n>", "of a model that reads: search by so many beams", integerValue(1))
      .option("--length-penalty <alpha>", "of that search; default: 0.6", nonNegativeValue)
      .addOption(backend())
      .addOption(threads())
      .addOption(precision())
      .option("--json", "one JSON document"),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine eval --model runs/flowers-1", "on the run's own validation images"],
        ["vitrine eval --model runs/flowers-1 --data other --json", ""],
        ["vitrine eval --model runs/flowers-1 --data other third", "a table over data sets, and their mean"],
        ["vitrine eval --model vit_tiny --data imagenet --real-labels real.json", ""],
      ),
    )
    .action(async (options) => (await import("./commands/eval.ts")).evaluate(options))

  addOverrides(
    cli
      .command("predict")
      .description("Say what images show.")
      .argument("<image...>", "image files, or folders of them")
      .requiredOption("--model <model>", modelHelp)
      .option("--top <k>", "classes to name for each image", integerValue(1), 5)
      .option("--logits", "with --json, the logits of all classes too")
      .option("--beams <n>", "of a model that reads: search by so many beams, and name what they find", integerValue(1))
      .option("--length-penalty <alpha>", "of that search; default: 0.6", nonNegativeValue)
      .option("--json", "one JSON document")
      .addOption(backend())
      .addOption(threads())
      .addOption(precision()),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine predict --model runs/flowers-1 tulip.jpg", ""],
        ["vitrine predict --model vit_tiny photos --top 1 --json", "every image in photos/"],
        ["vitrine predict --model vit_tiny photo.jpg --image-size 384 --crop-pct 1", "at a higher resolution"],
        ["vitrine predict --model runs/mnist-1 row.png --beams 4", "a run of --task read: the text in an image"],
        ["vitrine predict --model hf:google/vit-base-patch16-224 photo.jpg", "fetched from the Hugging Face hub"],
      ),
    )
    .action(async (images, options) => {
      process.exitCode = await (await import("./commands/predict.ts")).predict(images, options)
    })

  addOverrides(
    cli
      .command("embed")
      .description("Compute the features of images: what the model's head reads.")
      .argument("<image...>", "image files, or folders of them")
      .requiredOption("--model <model>", modelHelp)
      .option(
        "-o, --out <file>",
        "write a .safetensors, .npy or .jsonl file; default: JSON lines on the standard output",
      )
      .addOption(backend())
      .addOption(threads())
      .addOption(precision()),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine embed --model runs/flowers-1 photos --out features.npy", "[images, width], in float32"],
        ["vitrine embed --model runs/flowers-1 tulip.jpg", '{"file":"tulip.jpg","features":[…]}'],
      ),
    )
    .action(async (images, options) => {
      process.exitCode = await (await import("./commands/embed.ts")).embed(images, options)
    })

  addOverrides(
    cli
      .command("probe")
      .description(
        "Measure how well a model's frozen features tell classes, by classifiers that learn without training it.",
      )
      .requiredOption("--model <model>", modelHelp)
      .option("--data <path...>", "images to learn from and to measure on, as train takes them; default: the run's own")
      .option("--test <path>", "other images to measure on")
      .addOption(new Option("--classes <a,b,…>", "some of the data's classes").argParser(namesValue))
      .addOption(
        new Option(
          "--shots <n,m,…>",
          "training images of each class, drawn anew for each seed; default: all",
        ).argParser(countsValue),
      )
      .option("--seeds <n>", "how often they are drawn", integerValue(1), 3)
      .addOption(
        new Option("--methods <a,b,…>", "default: least-squares,logistic,knn,nearest,pixels").argParser(namesValue),
      )
      .option("--k <n>", "neighbours that vote", integerValue(1), 20)
      .option("--temperature <x>", "of their votes", positiveValue, 0.07)
      .option("--batch-size <n>", "images at a time", integerValue(1), 64)
      .option("--workers <n>", "threads that prepare images; default: 1", integerValue(0))
      .addOption(backend())
      .addOption(threads())
      .addOption(precision())
      .option("--json", "one JSON document"),
  )
    .addHelpText(
      "after",
      examples(
        ["vitrine probe --model vit_tiny --data flowers --shots 5,10", "as the paper's few-shot figures"],
        ["vitrine probe --model vit_tiny --data flowers pets cifar10", "a table over data sets, and their mean"],
        ["vitrine probe --model runs/a-1 --data b --methods knn --k 10", "all training images"],
      ) + probeMethods,
    )
    .action(async (options) => (await import("./commands/probe.ts")).probe(options))

  cli
    .command("compare")
    .description("Compare runs: accuracy, parameters, and operations of the model and of its training.")
    .argument("<run...>", "run folders of image classifiers, finished or not")
    .option("-o, --out <file>", "draw accuracy against training compute: a .svg or .png file")
    .addOption(new Option("--theme <name>", "of the drawing").choices(["light", "dark"]).default("light"))
    .option("--json", "one JSON document, with every evaluation")
    .addHelpText(
      "after",
      examples(
        ["vitrine compare runs/*", "a table, a row for each run"],
        ["vitrine compare runs/vit runs/hybrid runs/bit -o comparison.svg", "and a plot as the ViT paper's figure 5"],
        ["vitrine compare runs/vit --json", '{"runs":[{"family":"ViT","forwardFlops":…'],
      ) + comparedFigures,
    )
    .action(async (runs, options) => (await import("./commands/compare.ts")).compare(runs, options))

  addDetect(cli)
  addInspect(cli, modelHelp)
  addExport(cli, modelHelp)

  cli
    .command("weights")
    .description("List what a safetensors, .npz or .npy file holds.")
    .argument("<file>", "a .safetensors, .npz or .npy file, a folder with safetensors, or hf:owner/name")
    .option("--json", "one JSON document")
    .addHelpText("after", examples(["vitrine weights runs/flowers-1/model.safetensors", ""]))
    .action(async (file, options) => (await import("./commands/weights.ts")).weights(file, options))

  cli
    .command("pull")
    .description("Fetch a model of the Hugging Face hub and print its folder.")
    .argument("<name>", "hf:owner/name, or with @revision (a branch, tag or commit) or /file.npz behind it")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      examples(
        ["vitrine pull hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", ""],
        ["vitrine predict --model hf:google/vit-base-patch16-224 photo.jpg", "other commands fetch what they need too"],
      ) + hubVariables,
    )
    .action(async (name, options) => (await import("./commands/pull.ts")).pull(name, options))

  cli
    .command("doctor")
    .description("Say what this machine can run on, and what is missing.")
    .option("--json", "one JSON document")
    .addHelpText("after", examples(["vitrine doctor", ""]))
    .action(async (options) => (await import("./commands/doctor.ts")).doctor(options))

  cli
    .command("setup")
    .description("Build what a backend needs: TensorFlow's native library for Node.")
    .argument("<what>", "node-cpu, or node-gpu for CUDA")
    .option("--dry-run", "only say what would be fetched, and how large it is")
    .option("--force", "build again, though it is there")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      examples(
        ["vitrine setup node-cpu", "0.3 GB to fetch; then --backend node-cpu works"],
        ["vitrine setup node-gpu --dry-run", ""],
      ),
    )
    .action(async (what, options) => {
      process.exitCode = await (await import("./commands/setup.ts")).setup(what, options)
    })

  cli
    .command("bench")
    .description("Measure the speed of a model on random data.")
    .option("--model <variant>", "SIZE/PATCH, such as Ti/16 or R+Ti/16, or a ResNet such as R50x1", "Ti/16")
    .option("--image-size <n>", "side of the images", integerValue(1), 224)
    .option("--batch-size <n>", "images at a time", integerValue(1), 8)
    .option("--train", "measure training steps")
    .option("--infer", "measure inference (the default is both)")
    .option("--steps <n>", "steps to measure", integerValue(1), 10)
    .option("--profile", "what each kernel takes, with --backend webgpu")
    .addOption(backend())
    .addOption(threads())
    .addOption(precision())
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      examples(
        ["vitrine bench", "ViT-Ti/16, batches of 8"],
        ["vitrine bench --model B/16 --batch-size 1 --infer --threads 1", ""],
      ),
    )
    .action(async (options) => (await import("./commands/bench.ts")).bench(options))

  cli
    .command("demo")
    .description("Train a small model on built-in drawings, evaluate it, and show what it predicts.")
    .option("-o, --out <folder>", "the run folder; default: runs/demo-<n>")
    .option("--steps <n>", "a shorter or longer run", integerValue(1))
    .addOption(backend())
    .addOption(threads())
    .addOption(precision())
    .option("--seed <n>", "decides everything random", integerValue(0), 0)
    .addHelpText("after", examples(["vitrine demo", ""]))
    .action(async (options) => {
      process.exitCode = await (await import("./commands/demo.ts")).demo(options)
    })
  for (const command of cli.commands)
    command.configureOutput({ outputError: (text) => complain(usage(text, command.name())) })
  return cli
}

const hubVariables = `
Models lie in the cache that Python shares. A download that was interrupted goes on where it ended.
  HF_ENDPOINT            another hub; default: https://huggingface.co
  HF_TOKEN               for private and gated models; default: that of "hf auth login"
  HF_HUB_OFFLINE=1       the cache is all there is
  HF_HUB_CACHE, HF_HOME  where the cache is; default: ~/.cache/huggingface
`

const probeMethods = `
Methods:
  least-squares  onto −1 and 1 with an L2 penalty that is chosen on held-out parts: the paper's few-shot classifier
  logistic       logistic regression, its penalty chosen likewise
  knn            the weighted vote of the k nearest by cosine: DINO's
  nearest        the nearest by cosine
  pixels         the nearest by cosine of the pixels: what a model has to beat
`

const comparedFigures = `
FLOPs/image: of a forward pass, 2 for each multiply-accumulate of matrix products and convolutions, counted in
the model's graph; papers often tell multiply-accumulates, which are half. total FLOPs: of the run, 3 times that
for each image of its steps. best, last: accuracy on the validation images. time: of all steps, at their median
pace.
`

const exitCodes = "\nExit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted."

/** Commander's message as one line. */
function usage(text: string, command?: string): string {
  const message = text.trim().replace(/^error: /, "")
  return withHelp(message.replaceAll(/\s*\n\s*/g, " "), command)
}
