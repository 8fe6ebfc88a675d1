/** Calls a function with the addresses of the files that this page or worker fetches, those of before too. */
export function watchFiles(listener: (files: string[]) => void): void {
  new PerformanceObserver((list) => listener(list.getEntries().map(({ name }) => name))).observe({
    type: "resource",
    buffered: true,
  })
}
