/** The objectives of a classifier, by the field `task` of its recipe. */
export const objectiveNames = ["classify", "multi-label", "masked-patch"] as const
/** The names of the objectives of classifiers. */
export type ObjectiveName = (typeof objectiveNames)[number]

/** The number of labels for each image that an objective learns. */
const labelsLearned: Readonly<Record<ObjectiveName, "one" | "several" | "none">> = {
  classify: "one",
  "multi-label": "several",
  "masked-patch": "none",
}

/** Whether an objective learns the classes of images. Other objectives need no labels. */
export function learnsClasses(objective: ObjectiveName): boolean {
  return labelsLearned[objective] !== "none"
}

/** Whether an objective learns images that may have several labels, each with a separate probability. */
export function learnsSeveralLabels(objective: ObjectiveName): boolean {
  return labelsLearned[objective] === "several"
}

/** The default objective for data with labels. */
export function defaultObjective(severalLabels: boolean): ObjectiveName {
  return severalLabels ? "multi-label" : "classify"
}
