/** The columns of a row. */
const header = ["case", "ours, ms (CPU)", "PyTorch, ms (CPU)", "time", "CPU", "peak, MiB", "PyTorch", "peak", "others"]

/** The cells of a result. */
export function cells({ case: name, measured: [ours], peers, ratios, others }) {
  const [torch] = peers.torch
  const time = ({ medianMs, cpuMs }) =>
    `${medianMs.toFixed(medianMs < 100 ? 1 : 0)} (${cpuMs.toFixed(cpuMs < 100 ? 1 : 0)})`
  const mebibytes = ({ peakBytes }) => String(Math.round(peakBytes / 2 ** 20))
  const ratio = (value) => value.toFixed(2)
  return [
    name,
    time(ours),
    time(torch),
    ratio(ratios.time),
    ratio(ratios.cpu),
    mebibytes(ours),
    mebibytes(torch),
    ratio(ratios.peak),
    `${Math.round(100 * others)} %`,
  ]
}

export function markdown(rows) {
  const line = (row) => `| ${row.join(" | ")} |`
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n")
}
