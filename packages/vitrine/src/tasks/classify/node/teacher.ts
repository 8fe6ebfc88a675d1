import { applyOverrides, imageModel } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, graph, ops, programs, rootScope, type Tensor, VitrineError } from "@vitrine/core"
import type { Teacher } from "@vitrine/trainer"
import { locate } from "../../../node/hub.ts"
import type { ResolvedRecipe } from "../recipe-type.ts"
import { constantsOf } from "./load.ts"

/** An open teacher for distillation. */
export interface OpenTeacher {
  /** Its absolute path or its name on the hub. A resumed run finds it again by this name. */
  readonly origin: string
  readonly teach: Teacher
  close(): Promise<void>
}

/**
 * Opens a teacher for a student of `recipe`. The teacher gets the student's images at the same size, to which its
 * positions are resized. The images are normalised with the teacher's mean and standard deviation.
 * @param classes the student's classes; the teacher's logits are put into their order
 * @throws VitrineError (config) for a model with other classes or channels, or with patches that do not fit the images
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
    const order = classOrder(model, folder.labels, config.classes, classes)
    const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
    const normalized = renormalize(images, { mean, std }, preprocessing)
    const logits = imageModel(config).forward(rootScope(), normalized)
    const compiled = programs(backend, graph({ outputs: { logits } }), {
      constants: await constantsOf(folder, backend, config),
    })
    return {
      origin,
      teach: async (images, size) => {
        const { logits } = await (await compiled.at(size)).run({ images })
        const values = logits?.data ?? []
        return Float32Array.from(values, (_, i) => {
          const label = i % order.length
          return values[i - label + (order[label] ?? Number.NaN)] ?? Number.NaN
        })
      },
      close: compiled.dispose,
    }
  } finally {
    await folder.weights.close()
  }
}

/** For each of the student's classes the teacher's class: by name, or by position if the teacher has no names. */
function classOrder(
  model: string,
  labels: readonly string[] | null,
  count: number,
  classes: readonly string[],
): number[] {
  const order = classes.map((label, i) => (labels === null ? i : labels.indexOf(label)))
  if (count !== classes.length || order.includes(-1))
    throw new VitrineError(
      "config",
      `${model}: the teacher tells ${count} classes apart, which are not the ${classes.length} of the data`,
    )
  return order
}

interface Moments {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** `(x · std + mean − mean′) / std′` for each channel. */
function renormalize(x: Tensor, from: Moments, to: Moments): Tensor {
  const scale = Float32Array.from(to.std, (std, c) => (from.std[c] ?? Number.NaN) / std)
  const shift = Float32Array.from(to.std, (std, c) => ((from.mean[c] ?? Number.NaN) - (to.mean[c] ?? Number.NaN)) / std)
  const constant = (values: Float32Array): Tensor => ops.constant(values, [values.length])
  return ops.add(ops.mul(x, constant(scale)), constant(shift))
}
