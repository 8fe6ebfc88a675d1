import { packData, packFormats } from "@vitrine/data/node"
import { locateData } from "vitrine"
import { defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { columnFlags } from "../flags/columns.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { jsonFlag } from "../flags/model.ts"
import { integerValue } from "../flags/values.ts"
import { errorColors, note, print, statusLine } from "../output.ts"
import { bytes, count, percent, printable } from "../show/text.ts"
import { passedOverText } from "../show/passed-over.ts"

const flags = {
  to: {
    value: "<format>",
    help: "parquet, as datasets reads it, or wds, WebDataset's tar files",
    choices: packFormats,
  },
  out: { alias: "-o", value: "<folder>", help: "the folder of the shards, which is made or empty" },
  imageSize: {
    value: "<n>",
    help: "images whose shortest side is longer are made smaller; default: images keep their bytes",
    parse: integerValue(1),
  },
  shardSize: { value: "<n>", help: "megabytes of images in a shard", parse: integerValue(1), default: 256 },
  seed: { value: "<n>", help: "of what is held out, as train does it", parse: integerValue(0), default: 0 },
  ...columnFlags,
  ...jsonFlag,
} as const satisfies Flags

export const data = defineCommand({
  arguments: [
    ["<action>", "pack"],
    ["<path>", "what train takes as --data: a folder, a table, an archive, Parquet …"],
  ],
  flags,
  examples: [
    ["vitrine data pack flowers --to parquet -o flowers-parquet", "flowers-parquet/train-00000-of-00001.parquet …"],
    ["vitrine data pack photos/labels.csv --to wds --image-size 256 -o shards", "shards/train-000000.tar …"],
  ],
  run: ([action, path], values) => {
    if (action !== "pack") throw new UsageError(`data ${action}: the only action is pack`)
    return pack(path, values)
  },
})

async function pack(path: string, values: Values<typeof flags>): Promise<void> {
  const { to, out, imageSize, shardSize, seed, fileColumn, labelColumn: labelColumns } = values
  if (to === undefined || out === undefined)
    throw new UsageError("data pack needs --to parquet or wds, and --out FOLDER")
  const { resolved, shown } = await locateData(path, { seed, fileColumn, labelColumns })
  for (const line of resolved.notes) note(errorColors.dim(printable(line)))
  if (resolved.passedOver.length > 0)
    note(errorColors.yellow(`${printable(shown)}: ${passedOverText(resolved.passedOver)}`))
  const line = statusLine()
  let drawn = Number.NEGATIVE_INFINITY
  const onImage = (done: number, total: number): void => {
    const now = performance.now()
    if (now - drawn < 100) return
    drawn = now
    line.update(`  ${count(done)} images${total > 0 ? ` · ${percent(done / total, 0)}` : ""}`)
  }
  try {
    const result = await packData(resolved, { to, out, imageSize, shardBytes: shardSize * 1e6, onImage })
    line.clear()
    if (values.json) {
      print(JSON.stringify({ out, ...result }))
      return
    }
    for (const message of result.broken) note(errorColors.yellow(`left out: ${printable(message)}`))
    const parts = Object.entries(result.images).map(([split, images]) => `${count(images)} ${split}`)
    note(`${printable(out)}: ${parts.join(", ")} images in ${count(result.files.length)} files, ${bytes(result.bytes)}`)
    for (const file of result.files) print(printable(file))
  } finally {
    line.clear()
  }
}
