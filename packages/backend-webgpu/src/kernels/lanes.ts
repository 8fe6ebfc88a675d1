import { type Shader, u } from "./shader.ts"

// Threads that share a row or another result are neighbours in a workgroup of 64. Threads of one subgroup combine their
// values by exchanging registers. Other threads use the workgroup's memory.

export type Combine = (a: string, b: string) => string

/** Statements that combine the f32 `name` of `lanes` neighbours. Each of the neighbours gets the result. */
export function shuffled(shader: Shader, name: string, lanes: number, combine: Combine): string {
  const steps: string[] = []
  for (let mask = 1; mask < lanes; mask *= 2)
    steps.push(`${name} = ${combine(name, `${shader.subgroup("subgroupShuffleXor")}(${name}, ${u(mask)})`)};`)
  return steps.join(" ")
}

/**
 * Adds a function `name(x: f32, local: u32) -> f32` that combines values of `lanes` threads. All threads must call it.
 * @param subgroup the number of neighbours that are certainly in one subgroup, or 0
 */
export function laneReduction(shader: Shader, name: string, lanes: number, combine: Combine, subgroup: number): string {
  const near = Math.min(lanes, Math.max(1, subgroup))
  const parts = lanes / near
  if (parts === 1)
    return shader.function(
      name,
      `fn ${name}(x: f32, local: u32) -> f32 { var v = x; ${shuffled(shader, "v", near, combine)} return v; }`,
    )
  shader.global("var<workgroup> pool: array<f32, 64>;")
  if (near > 1) {
    const others = Array.from({ length: parts - 1 }, (_, i) => `v = ${combine("v", `pool[first + ${u(i + 1)}]`)};`)
    return shader.function(
      name,
      `fn ${name}(x: f32, local: u32) -> f32 {
  var v = x;
  ${shuffled(shader, "v", near, combine)}
  if (local % ${u(near)} == 0u) { pool[local / ${u(near)}] = v; }
  workgroupBarrier();
  let first = local / ${u(lanes)} * ${u(parts)};
  v = pool[first];
  ${others.join(" ")}
  workgroupBarrier();
  return v;
}`,
    )
  }
  const tree: string[] = []
  for (let half = lanes / 2; half >= 1; half /= 2)
    tree.push(
      `if (lane < ${u(half)}) { pool[local] = ${combine("pool[local]", `pool[local + ${u(half)}]`)}; } workgroupBarrier();`,
    )
  return shader.function(
    name,
    `fn ${name}(x: f32, local: u32) -> f32 {
  let lane = local % ${u(lanes)};
  pool[local] = x;
  workgroupBarrier();
  ${tree.join("\n  ")}
  let result = pool[local - lane];
  workgroupBarrier();
  return result;
}`,
  )
}
