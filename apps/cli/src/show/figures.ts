import { basename, join } from "node:path"
import { readMetrics, runOfCheckpoint } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import {
  curveFigure,
  curveScores,
  type FigureName,
  type FigureNeed,
  figureNames,
  figureNeeds,
  learningCurve,
  type Query,
  type ThemeName,
} from "@vitrine/interpret"
import type { Image } from "vitrine"
import type { StatusLine } from "../output.ts"

/** The flags of figures. */
export interface FigureFlags {
  readonly block?: number
  readonly head?: number
  /** The token whose attention is drawn. A number is an object query of a detector, or a character of a reader. */
  readonly query?: Query | number
  readonly theme: ThemeName
}

/** A figure that can be written to a file. */
export interface DrawnFigure {
  readonly figure: FigureName
  /** The name of its file, without the extension. */
  readonly file: string
  /** What it shows, in one line. */
  readonly shows: string
  readonly data: unknown
  readonly svg: () => string
}

/** A figure that cannot be drawn, with the reason. */
interface OmittedFigure {
  readonly figure: FigureName
  readonly reason: string
}

export interface FiguresOptions {
  readonly images: readonly { readonly file: string; readonly image: Image }[]
  /** The figures to draw. An empty list means the usual ones of the model. */
  readonly names: readonly FigureName[]
  /** Whether a figure that cannot be drawn is an error. Otherwise it is left out. */
  readonly strict: boolean
  readonly status: StatusLine
}

export type Figures = AsyncGenerator<DrawnFigure | OmittedFigure>

/** Functions that draw the figures of a model from a subject, such as the model with its flags. */
export type FigureDrawers<Subject> = {
  readonly [Name in FigureName]?: (subject: Subject) => AsyncIterable<DrawnFigure>
}

/** The greatest number of images in a figure. */
export const mostImages = 12

/** The name of a figure's file, with a number if there are several. */
export const numbered = (figure: FigureName, index: number, count: number): string =>
  count === 1 ? figure : `${figure}-${index + 1}`

const needs = (figure: FigureName, need: FigureNeed): boolean => figureNeeds.get(figure)?.includes(need) === true

/** Whether a figure can be drawn of a model with some abilities, such as attention. */
export const canDraw = (figure: FigureName, abilities: readonly FigureNeed[]): boolean =>
  (figureNeeds.get(figure) ?? []).every((need) => need === "images" || need === "run" || abilities.includes(need))

/**
 * The figures to draw, of those that a model has: the named ones; or else those of images, if there are images; or else
 * those of the model and its run.
 */
export function chosenFigures(
  available: readonly FigureName[],
  { images, names }: FiguresOptions,
): readonly FigureName[] {
  if (names.length > 0) return names
  return available.filter((figure) => !needs(figure, images.length > 0 ? "run" : "images"))
}

/** Whether some of the figures need images, and there are images. */
export const usesImages = (figures: readonly FigureName[], { images }: FiguresOptions): boolean =>
  images.length > 0 && figures.some((figure) => needs(figure, "images"))

/**
 * Draws figures one by one.
 * @param model words for the model in messages
 */
export async function* drawFigures<Subject>(
  figures: readonly FigureName[],
  drawers: FigureDrawers<Subject>,
  subject: Subject,
  model: string,
  { images, strict, status }: FiguresOptions,
): Figures {
  const drawerOf = (figure: FigureName): ((subject: Subject) => AsyncIterable<DrawnFigure>) => {
    const { [figure]: draw } = drawers
    if (draw === undefined) {
      const figuresOfModel = figureNames.filter((name) => drawers[name] !== undefined)
      throw new VitrineError(
        "config",
        `the figure ${figure} is not of a ${model}, which has ${figuresOfModel.join(" and ")}`,
      )
    }
    if (images.length === 0 && needs(figure, "images"))
      throw new VitrineError("config", `the figure ${figure} needs images: name some after the model`)
    return draw
  }
  if (strict) figures.forEach(drawerOf)
  for (const figure of figures) {
    status.update(`drawing ${figure}`)
    try {
      yield* drawerOf(figure)(subject)
    } catch (error) {
      if (strict || !(VitrineError.isInstance(error) && error.kind === "config")) throw error
      yield { figure, reason: error.message }
    }
  }
  status.clear()
}

interface RunSubject {
  readonly path: string
  readonly flags: FigureFlags
}

/** The learning curve of a run. */
export async function* drawCurve({ path, flags: { theme } }: RunSubject): AsyncGenerator<DrawnFigure> {
  const run = runOfCheckpoint(path) ?? path
  const data = learningCurve(await readMetrics(join(run, "metrics.jsonl")))
  if (data.steps.length === 0)
    throw new VitrineError("config", `${path} is no run folder: it has no steps in metrics.jsonl`)
  yield {
    figure: "curve",
    file: "curve",
    shows: `loss, ${curveScores[data.measure]} and learning rate over the steps of training`,
    data,
    svg: () => curveFigure(data, { theme, title: basename(run) }),
  }
}

/**
 * Checks the numbers of blocks, heads or queries.
 * @param counts each number, with the count in the model
 * @throws VitrineError (config)
 */
export function checkNumbers(
  model: string,
  counts: Readonly<Record<string, readonly [n: number | undefined, count: number]>>,
): void {
  for (const [what, [n, count]] of Object.entries(counts))
    if (n !== undefined && n >= count)
      throw new VitrineError("config", `the ${model} has no ${what} ${n}: there are ${count}, from 0`)
}

/** @throws VitrineError (config) if there is no value with this name */
export function entryOf<T>(values: Readonly<Record<string, T>>, name: string): T {
  const value = values[name]
  if (value === undefined) throw new VitrineError("config", `the model has no ${name}`)
  return value
}
