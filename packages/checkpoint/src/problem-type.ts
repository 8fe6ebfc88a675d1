/** The meaning of a classifier's outputs: the `problem_type` in a `config.json`. */
import * as v from "valibot"
import { configError } from "./errors.ts"
import { isObject } from "./json.ts"
import { oneOf, parse } from "./schema.ts"

/** The meanings of outputs by their names in transformers: softmax, a sigmoid for each label, or numbers. */
export const problemTypes = ["single_label_classification", "multi_label_classification", "regression"] as const
/** The meaning of a classifier's outputs. */
export type ProblemType = (typeof problemTypes)[number]

/** How scores follow from outputs: probabilities that sum to 1, a separate probability for each, or no change. */
export type Scoring = "softmax" | "sigmoid" | "none"

/** The scoring of a model, by the rule of transformers' pipeline for image classification. */
export function scoringOf(problemType: ProblemType | null | undefined, classes: number): Scoring {
  if (problemType === "regression") return "none"
  return problemType === "multi_label_classification" || classes === 1 ? "sigmoid" : "softmax"
}

const schema = v.nullish(oneOf(problemTypes))

/**
 * The problem type in a `config.json`, or null if it has none.
 * @throws VitrineError (config) for an unknown type, and for single labels if the model has only one output
 */
export function readProblemType(json: unknown, classes: number, file: string): ProblemType | null {
  const type = parse(schema, isObject(json) ? json.problem_type : null, file, "problem_type") ?? null
  if (type === "single_label_classification" && classes === 1)
    throw configError(file, `problem_type is "${type}", but the model has one output`)
  return type
}
