import { writeFileSync } from "node:fs"

/** The number of tokens of a case, such as train-ti@384-b1: patches of 16² and the class token. */
const tokensOf = ({ imageSize }) => (imageSize / 16) ** 2 + 1
const exponent = (y1, y2, x1, x2) => Math.log(y2 / y1) / Math.log(x2 / x1)
const above = ({ peakBytes, baseBytes }) => peakBytes - baseBytes

/** The series of a batch, by tokens: of ours and of PyTorch. */
function seriesOf(results, batch) {
  return results
    .filter((each) => each.group === "growth" && each.batch === batch && /@\d+-/.test(each.case))
    .map(({ measured: [ours], peers, flops, ...each }) => ({
      tokens: tokensOf(each),
      flops,
      ours,
      torch: peers.torch[0],
    }))
    .toSorted((a, b) => a.tokens - b.tokens)
}

/**
 * The exponents of memory by tokens and of time by floating-point operations, and a plot of both.
 * @param path where the plot is written, as SVG; undefined for none
 */
export function growthReport(results, path) {
  const lines = []
  const panels = []
  for (const batch of [1, 8]) {
    const series = seriesOf(results, batch)
    const [from, to] = [series.find(({ tokens }) => tokens === 1025), series.find(({ tokens }) => tokens === 2305)]
    if (from !== undefined && to !== undefined)
      for (const who of ["ours", "torch"]) {
        const memory = exponent(above(from[who]), above(to[who]), from.tokens, to.tokens)
        lines.push(`batch ${batch}, ${who}: peak above base grows by tokens^${memory.toFixed(2)} from 1,025 to 2,305`)
      }
    for (const who of ["ours", "torch"])
      for (const [i, each] of series.entries()) {
        const next = series[i + 1]
        if (next === undefined) continue
        const time = exponent(each[who].cpuMs, next[who].cpuMs, each.flops, next.flops)
        lines.push(
          `batch ${batch}, ${who}: CPU time by FLOPs^${time.toFixed(2)} from ${each.tokens} to ${next.tokens} tokens`,
        )
      }
    if (series.length > 1) {
      panels.push({ title: `Peak memory, batch ${batch} (MiB)`, series, value: ({ peakBytes }) => peakBytes / 2 ** 20 })
      panels.push({ title: `CPU time of a step, batch ${batch} (ms)`, series, value: ({ cpuMs }) => cpuMs })
    }
  }
  const of = (name) => results.find((each) => each.case === name)
  const pairs = [
    ["train-ti@224x6-b8", "train-ti@224x24-b8", "depth 6 to 24"],
    ["train-ti@224-b1", "train-ti@224-b64", "batch 1 to 64"],
  ]
  for (const [first, second, title] of pairs) {
    const [a, b] = [of(first), of(second)]
    if (a === undefined || b === undefined) continue
    const times = (list) => [list[0].cpuMs, list[1].cpuMs]
    for (const [who, [x, y]] of [
      ["ours", times([a.measured[0], b.measured[0]])],
      ["torch", times([a.peers.torch[0], b.peers.torch[0]])],
    ])
      lines.push(`${title}, ${who}: CPU time by FLOPs^${exponent(x, y, a.flops, b.flops).toFixed(2)}`)
  }
  if (path !== undefined && panels.length > 0) writeFileSync(path, plot(panels))
  return `\n${lines.join("\n")}`
}

/** Panels side by side, both axes logarithmic. */
function plot(panels) {
  const [width, height, margin] = [300, 240, 44]
  const parts = panels.map(({ title, series, value }, i) => {
    const values = series.flatMap(({ ours, torch }) => [value(ours), value(torch)])
    const tokens = series.map((each) => each.tokens)
    const scale = (list, from, to) => {
      const [low, high] = [Math.log(Math.min(...list)), Math.log(Math.max(...list))]
      return (x) => from + ((Math.log(x) - low) / (high - low || 1)) * (to - from)
    }
    const x = scale(tokens, margin, width - 16)
    const y = scale(values, height - margin, 36)
    const line = (who, color) => {
      const points = series.map((each) => [x(each.tokens), y(value(each[who]))].map((n) => n.toFixed(1)))
      const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`)
      return `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join("")}`
    }
    const marks = tokens.map(
      (n) => `<text x="${x(n).toFixed(1)}" y="${height - margin + 16}" text-anchor="middle">${n}</text>`,
    )
    const ends = [Math.min(...values), Math.max(...values)].map(
      (n) => `<text x="${margin - 6}" y="${(y(n) + 4).toFixed(1)}" text-anchor="end">${Math.round(n)}</text>`,
    )
    return (
      `<g transform="translate(${(i % 2) * width} ${Math.floor(i / 2) * height})"><text x="${margin}" y="20" font-weight="600">${title}</text>` +
      `<path d="M${margin} 36V${height - margin}H${width - 16}" fill="none" stroke="#999"/>${marks.join("")}${ends.join("")}` +
      `${line("torch", "#c2410c")}${line("ours", "#1d4ed8")}</g>`
    )
  })
  const [w, h] = [2 * width, Math.ceil(panels.length / 2) * height + 24]
  const legend = `<text x="44" y="${h - 8}" fill="#1d4ed8">Vitrine</text><text x="110" y="${h - 8}" fill="#c2410c">PyTorch eager</text><text x="220" y="${h - 8}">by tokens, ViT-Ti/16</text>`
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" font-family="system-ui, sans-serif" font-size="11">` +
    `<rect width="100%" height="100%" fill="#fff"/>${parts.join("")}${legend}</svg>\n`
  )
}
