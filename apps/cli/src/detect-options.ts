import { type Command, Option } from "commander"
import { backend, dilation, examples, precision, threads } from "./options.ts"
import { integerValue, unitValue } from "./values.ts"

/** What the flags of a detector's training say beyond those of every training. */
export interface DetectionFlags {
  readonly annotations?: "coco" | "voc"
  readonly queries?: number
  readonly encoderDepth?: number
  readonly decoderDepth?: number
}

/** Which annotations of the data are read. */
export function annotations(): Option {
  return new Option("--annotations <kind>", "which to read, where the data have both; default: coco").choices([
    "coco",
    "voc",
  ])
}

/** Adds to `train` what only detectors have. */
export function addDetectionTraining(command: Command): void {
  const group = "Detection (--task detect):"
  command.addOption(annotations().helpGroup(group))
  for (const [flags, what] of [
    ["--queries <n>", "the most objects that are found; default: 16, or as the data need"],
    ["--encoder-depth <n>", "layers that look at the image; default: 2"],
    ["--decoder-depth <n>", "layers that look for objects; default: 2"],
  ] as const)
    command.addOption(new Option(flags, what).argParser(integerValue(1)).helpGroup(group))
}

/** Adds the command `detect`. */
export function addDetect(cli: Command): void {
  cli
    .command("detect")
    .description("Find objects in images: what they are, and where.")
    .argument("<model>", "a run folder of train --task detect, or a DETR of Hugging Face's or facebookresearch's")
    .argument("<image...>", "image files, or folders of them")
    .option("--threshold <x>", "the least score that counts, 0 to 1", unitValue, 0.5)
    .addOption(dilation())
    .option("--num-heads <n>", "of weights without a config.json: attention heads; default: 8", integerValue(1))
    .option("-o, --out <folder>", "draw boxes on the images, as PNG files in this folder")
    .option("--json", "one JSON document")
    .addOption(backend())
    .addOption(threads())
    .addOption(precision())
    .addHelpText(
      "after",
      examples(
        ["vitrine detect runs/scenes-1 photo.jpg", ""],
        ["vitrine detect runs/scenes-1 photos -o pictures --threshold 0.7", "pictures/*.png with boxes drawn"],
        ["vitrine detect runs/scenes-1 photo.jpg --json", '{"results":[{"file":…,"objects":[{"label":…'],
      ),
    )
    .action(async (model, images, options) => {
      process.exitCode = await (await import("./commands/detect.ts")).detect(model, images, options)
    })
}
