import { imageModel, applyOverrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, graph, ops, programs, rootScope, type Tensor, VitrineError } from "@vitrine/core"
import type { Teacher } from "@vitrine/trainer"
import type { ResolvedRecipe } from "../recipe.ts"
import { locate } from "../../../node/hub.ts"
import { constantsOf } from "./load.ts"

export interface OpenTeacher {
  /** Its absolute path or its name on the hub, by which a resumed run finds it again. */
  readonly origin: string
  readonly teach: Teacher
  close(): Promise<void>
}

/**
 * A model that tells a student of `recipe` what it makes of the student's images: at their size, to which its positions are
 * resized, and normalised by its own mean and standard deviation.
 * @param classes the student's, in its order.
 * @throws VitrineError (config) for a model of other classes or channels, or of patches that do not fit the images.
 */
export async function openTeacher(
  model: string,
  { config: student, mean, std }: ResolvedRecipe,
  classes: readonly string[],
  backend: Backend,
): Promise<OpenTeacher> {
  const { path, name: origin } = await locate(model)
  const folder = await readModelFolder(path, { imageSize: student.imageSize })
  try {
    const { config, preprocessing } = applyOverrides(folder, { imageSize: student.imageSize }, path)
    if (config.channels !== student.channels)
      throw new VitrineError(
        "config",
        `${model}: the teacher takes images of ${config.channels} channels, the student of ${student.channels}`,
      )
    const order = places(model, folder.labels, config.classes, classes)
    const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
    const seen = renormalized(images, { mean, std }, preprocessing)
    const logits = imageModel(config).forward(rootScope(), seen)
    const compiled = programs(backend, graph({ outputs: { logits } }), {
      constants: await constantsOf(folder, backend, config),
    })
    return {
      origin,
      teach: async (images, size) => {
        const { logits } = await (await compiled.at(size)).run({ images })
        const own = logits?.data ?? []
        return Float32Array.from(own, (_, at) => {
          const row = Math.floor(at / order.length)
          return own[row * order.length + (order[at % order.length] as number)] as number
        })
      },
      close: compiled.dispose,
    }
  } finally {
    await folder.weights.close()
  }
}

/** Where the teacher has each of the student's classes: by name, or by position where it names none. */
function places(model: string, labels: readonly string[] | null, count: number, classes: readonly string[]): number[] {
  const found = classes.map((label, i) => (labels === null ? i : labels.indexOf(label)))
  if (count !== classes.length || found.includes(-1))
    throw new VitrineError(
      "config",
      `${model}: the teacher tells ${count} classes apart, which are not the ${classes.length} of the data`,
    )
  return found
}

interface Moments {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** `(x · std + mean − mean′) / std′` */
function renormalized(x: Tensor, from: Moments, to: Moments): Tensor {
  const each = (number: (c: number) => number): Tensor =>
    ops.constant(
      Float32Array.from(to.mean, (_, c) => number(c)),
      [to.mean.length],
    )
  const at = (numbers: readonly number[], c: number): number => numbers[c] as number
  const scale = each((c) => at(from.std, c) / at(to.std, c))
  const shift = each((c) => (at(from.mean, c) - at(to.mean, c)) / at(to.std, c))
  return ops.add(ops.mul(x, scale), shift)
}
