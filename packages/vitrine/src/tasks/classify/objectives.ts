/** What a classifier can learn, by the field `task` of its recipe. */
export const objectiveNames = ["classify", "multi-label", "masked-patch"] as const
export type ObjectiveName = (typeof objectiveNames)[number]

/** How many labels of an image an objective learns. */
const labelsLearned: Readonly<Record<ObjectiveName, "one" | "several" | "none">> = {
  classify: "one",
  "multi-label": "several",
  "masked-patch": "none",
}

/** Whether an objective learns the classes of images; others need no labels. */
export function learnsClasses(objective: ObjectiveName): boolean {
  return labelsLearned[objective] !== "none"
}

/** Whether images may have several labels, each with a probability of its own. */
export function learnsSeveralLabels(objective: ObjectiveName): boolean {
  return labelsLearned[objective] === "several"
}

/** The objective of data with labels where a recipe names none. */
export function defaultObjective(severalLabels: boolean): ObjectiveName {
  return severalLabels ? "multi-label" : "classify"
}
