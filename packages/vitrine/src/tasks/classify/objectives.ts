/** What a classifier can learn, by the field `task` of its recipe. */
export const objectiveNames = ["classify", "masked-patch"] as const
export type ObjectiveName = (typeof objectiveNames)[number]

const withClasses: Readonly<Record<ObjectiveName, boolean>> = { classify: true, "masked-patch": false }

/** Whether an objective learns the classes of images; others need no labels. */
export function learnsClasses(objective: ObjectiveName): boolean {
  return withClasses[objective]
}
