/** What any run folder remembers in `config.json`, so that the run can go on alone. */
export type RunOrigin = {
  /** The name of built-in data, or an absolute path. */
  readonly data: string
  readonly seed: number
  readonly valFraction: number
  readonly checkpointEvery: number
  /** What computed it, in turn: engine, version, threads, processor. Only the same ones promise the same bytes. */
  readonly engines: readonly string[]
}

/** That of a record, where it has data and a seed: the rest may be assumed. */
export function originOf(
  { data, seed, valFraction, checkpointEvery, engines }: Partial<RunOrigin>,
  evaluateEvery: number,
): RunOrigin | null {
  if (typeof data !== "string" || typeof seed !== "number") return null
  return {
    data,
    seed,
    valFraction: typeof valFraction === "number" ? valFraction : 0.1,
    checkpointEvery: typeof checkpointEvery === "number" ? checkpointEvery : evaluateEvery,
    engines: Array.isArray(engines) ? engines.map(String) : [],
  }
}
