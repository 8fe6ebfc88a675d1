/** What a classifier's outputs are, as `problem_type` of a `config.json` says it. */
import * as v from "valibot"
import { configError } from "./errors.ts"
import { isObject } from "./json.ts"
import { oneOf, parse } from "./schema.ts"

export const problemTypes = ["single_label_classification", "multi_label_classification", "regression"] as const
export type ProblemType = (typeof problemTypes)[number]

/** How outputs become scores: probabilities that sum to 1, a probability for each, or the outputs themselves. */
export type Scoring = "softmax" | "sigmoid" | "none"

/** The rule of transformers' pipeline for image classification. */
export function scoringOf(problemType: ProblemType | null | undefined, classes: number): Scoring {
  if (problemType === "regression") return "none"
  return problemType === "multi_label_classification" || classes === 1 ? "sigmoid" : "softmax"
}

const schema = v.nullish(oneOf(problemTypes))

/**
 * The problem type that a `config.json` names at its top level; null for none.
 * @throws VitrineError (config) for another name, and for one output among which there is nothing to choose.
 */
export function readProblemType(json: unknown, classes: number, file: string): ProblemType | null {
  const type = parse(schema, isObject(json) ? json.problem_type : null, file, "problem_type") ?? null
  if (type === "single_label_classification" && classes === 1)
    throw configError(file, `problem_type is "${type}", but the model has one output`)
  return type
}
