/** The names of the features that a model has. */
export const presentFeatures = (features: Readonly<Record<string, boolean>>): string[] =>
  Object.keys(features).filter((name) => features[name])
