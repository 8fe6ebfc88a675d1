import { existsSync } from "node:fs"
import { basename, join } from "node:path"
import { type RecipeRule, type TaskName, taskOf } from "vitrine"
import { type CommandDefinition, defineCommand } from "../command.ts"
import { UsageError } from "../errors.ts"
import { flagName, type Flags } from "../flags/flag.ts"
import { groups, trainFlags } from "../flags/train.ts"
import { note } from "../output.ts"
import { builtInRecipes, loadRecipe } from "../recipes/load.ts"
import { asRank, isLaunched, startRanks } from "../ranks.ts"
import { printable } from "../show/text.ts"
import { tasks } from "../tasks/index.ts"
import { partsOf } from "../tasks/parts.ts"
import type { TrainPart } from "../tasks/task.ts"
import { freeFolder } from "../training.ts"

export async function train(): Promise<CommandDefinition> {
  const parts = await partsOf((task) => task.train())
  const objectives = parts.rows.flatMap(({ part }) => Object.entries(part.objectives))
  const flags = {
    ...trainFlags,
    task: {
      group: groups.training,
      value: "<name>",
      help: `what is learned; default: classify; ${objectives.map((objective) => objective.join(": ")).join("; ")}`,
      choices: objectives.map(([name]) => name),
    },
  } as const
  const all: Flags = { ...flags, ...parts.flags }
  return defineCommand({
    flags,
    taskFlags: parts.flags,
    groups: Object.values(groups),
    examples: [
      ["vitrine train --data flowers", "flowers/<class>/*.jpg"],
      ["vitrine train --data flowers --model Ti/16 --epochs 50 --mixup 0.2", ""],
      ["vitrine train --data flowers --model R50x1 --optimizer momentum --lr 0.03", "a ResNet of BiT's"],
      ["vitrine train --data fashion-mnist --recipe fashion-mnist-quick", ""],
      ["vitrine train --data flowers --recipe my-recipe.ts --lr 0.0005", ""],
      ["vitrine train --data flowers --from runs/plants-1 --image-size 48", "other classes, and larger images"],
      [
        "vitrine train --data flowers --from hf:timm/vit_tiny_patch16_224.augreg_in21k --recipe fine-tune",
        "or a folder that lies here; AdamW, rates by layer",
      ],
      [
        "vitrine train --data flowers --from hf:timm/vit_tiny_patch16_224.augreg_in21k --freeze backbone --optimizer momentum",
        "the head alone",
      ],
      ["vitrine train --data flowers --model Ti/16 --distill-from runs/flowers-large", "from a teacher"],
      ["vitrine train --data photos --task masked-patch", "without labels; then --from its run"],
      ["vitrine train --task detect --data scenes", "DETR; or a folder with COCO's or Pascal VOC's annotations"],
      ["vitrine train --task read --data mnist", "rows of digits into text"],
      ["vitrine train --task read --data lines", "lines/labels.tsv: a file, a tab and its text on each line"],
      ["vitrine train --resume runs/flowers-1", "after Ctrl-C, or a crash"],
      ["vitrine train --resume auto --out runs/flowers --data flowers", "begins, and goes on when it is run again"],
    ],
    notes() {
      const recipes = builtInRecipes()
      const width = Math.max(...recipes.map(({ name }) => name.length))
      const rows = recipes.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`)
      return (
        `\n${fewImages}\nBuilt-in recipes:\n${rows.join("\n")}\n\n` +
        "Ctrl-C, SIGTERM, SIGHUP and SIGUSR1 end the step, save, say how to resume and exit with 130; a second Ctrl-C ends at once.\n" +
        "nohup does not keep a run going, since Node takes SIGHUP again: setsid or tmux do."
      )
    },
    async run(_, flags, names) {
      const { ranks: count = 1 } = flags
      if (count > 1 && !isLaunched()) return startRanks(count)
      return asRank(async (ranks, threads) => {
        const size = ranks?.size ?? 1
        if (flags.ranks !== undefined && flags.ranks !== size)
          throw new UsageError(`--ranks ${flags.ranks}, but the launcher has started ${size}: leave --ranks out`)
        const values = { ...flags, threads: flags.threads ?? threads }
        const { recipe: source, data = "" } = values
        const isAuto = values.resume === "auto"
        const find = async (): Promise<Resumed | undefined> => {
          const path = isAuto ? begunRun(values.out) : values.resume
          return path === undefined ? undefined : { path, task: await taskOf(path) }
        }
        // Rank 0 alone may have the run.
        const [resumed] =
          ranks === undefined ? [await find()] : await ranks.gather(ranks.rank === 0 ? await find() : undefined)
        if (resumed !== undefined) {
          const { path, task } = resumed
          const fixed = names.filter((name) => all[name]?.resumable !== true && !(isAuto && name === "out"))
          const [first] = fixed
          if (first !== undefined && !isAuto)
            throw new UsageError(
              `${flagName(first)} cannot change a run that is resumed: it goes on by its own recipe; a new run can start from its weights (--from ${path})`,
            )
          if (first !== undefined)
            note(
              `vitrine: ${printable(path)} goes on by its own recipe; for a new run alone: ${fixed.map(flagName).join(", ")}`,
            )
          const own = isAuto ? names.filter((name) => !fixed.includes(name)) : names
          return parts.of(tasks[task], own, refusal).resume(values, path, ranks)
        }
        if (values.takeOver && !isAuto) throw new UsageError("--take-over is for --resume RUN")
        const recipe = source === undefined ? {} : await loadRecipe(source)
        const name = values.task ?? taskOfRecipe(recipe)
        const row = parts.rows.find(({ part }) => Object.hasOwn(part.objectives, name))
        const part = parts.of(row?.task ?? tasks.classify, names, refusal)
        return part.begin(values, recipe, values.out ?? freeFolder(join("runs", nameOf(data))), ranks)
      })
    },
  })
}

/** A run that goes on, and what its model does. */
interface Resumed {
  readonly path: string
  readonly task: TaskName
}

/** The run in the folder that `--resume auto` names, or undefined if it is still to begin. */
function begunRun(out: string | undefined): string | undefined {
  if (out === undefined)
    throw new UsageError("--resume auto goes on with the run of a folder, or begins it: name the folder (--out FOLDER)")
  return existsSync(join(out, "config.json")) ? out : undefined
}

const fewImages = `Fewer than 5,000 images, without a model of your own (--model, --dim …), get what serves few images: a small Vision
Transformer behind the first convolution of a ResNet, images of at most 96 pixels, moved or cropped and mirrored, CutMix,
smoothing 0.1, a rate of 0.002, and at least 1,500 steps. Where neither --steps nor --epochs is given, every run has at
least 100 steps. Better still is a model that has seen many images. A small one comes with the command: see what it is
worth by "vitrine probe vitrine:cifar10-hybrid --data FOLDER", and start from it by --from vitrine:cifar10-hybrid.
`

/**
 * Names the value of `--task` that a flag belongs to. If it belongs to several, it names the values that it does not
 * belong to.
 */
export function refusal({ part }: TrainRow, acceptors: readonly TrainRow[]): string {
  const [only, ...others] = acceptors.flatMap((row) => Object.keys(row.part.objectives))
  return others.length === 0
    ? `is for --task ${only}`
    : `is not for --task ${Object.keys(part.objectives).join(" or ")}`
}

interface TrainRow {
  readonly part: TrainPart
}

/** The value of `--task` for a recipe. Rules make recipes of image classifiers. */
export function taskOfRecipe(recipe: object | RecipeRule): string {
  return "task" in recipe ? String(recipe.task) : "classify"
}

/** The name of a run on data. */
function nameOf(data: string): string {
  // An address may hold secrets behind its path, a name of the hub a commit, and a pattern has braces.
  const plain = data.replace(/^(https?:[^?#]*).*$/i, "$1").replace(/^(hf:[^@]*)@.*$/, "$1")
  const name = basename(plain).replace(/\.(tar|tar\.gz|tgz|zip|npz|json|csv|tsv|jsonl|parquet)$/, "")
  return name.replaceAll(/[-_]?\{[^}]*\}/g, "") || "run"
}
