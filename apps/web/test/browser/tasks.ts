import type { Browser } from "playwright"

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur: number
  /** Time of the processor, which other programs do not lengthen. */
  readonly tdur?: number
  readonly args?: {
    readonly name?: string
    readonly fileName?: string
    readonly data?: { readonly url?: string }
    readonly chrome_mojo_event_info?: { readonly mojo_interface_tag?: string }
  }
}

/** A task of a page's main thread in which scripts of the site ran; times in milliseconds of the processor. */
export interface OwnTask {
  readonly whole: number
  /** Of the scripts in it; the rest is style, layout and paint. */
  readonly scripts: number
}

/**
 * The milliseconds from which a task is long: 50 on a processor that lays out a list of a thousand items in 24 ms, or
 * faster, and as many more as this one takes longer. The list takes 36 ms of a Xeon at 2.0 GHz; tasks of the guide that
 * took under 50 ms of an EPYC took 71 to 75 there.
 */
export async function longTask(browser: Browser): Promise<number> {
  const page = await browser.newPage()
  const median = await page.evaluate(() => {
    const times = Array.from({ length: 15 }, () => {
      const begin = performance.now()
      const list = document.createElement("div")
      for (let i = 0; i < 1000; i++) {
        const item = list.appendChild(document.createElement("span"))
        item.textContent = `${i} of 1000 `
        item.style.paddingLeft = `${i % 7}px`
      }
      document.body.append(list)
      list.getBoundingClientRect()
      list.remove()
      return performance.now() - begin
    })
    return times.toSorted((a, b) => a - b)[7] ?? Number.NaN
  })
  await page.close()
  return 50 * Math.max(1, median / 24)
}

const scripted = ["EvaluateScript", "v8.compileModule", "v8.evaluateModule", "FunctionCall"]

/** The tasks with scripts of `address` while something is done, the longest first. */
export async function ownTasks(browser: Browser, address: string, work: () => Promise<void>): Promise<OwnTask[]> {
  const events: TraceEvent[] = []
  const debuggers = await browser.newBrowserCDPSession()
  debuggers.on("Tracing.dataCollected", ({ value }) => {
    for (const event of value) events.push(event as unknown as TraceEvent)
  })
  const traceConfig = { includedCategories: ["devtools.timeline", "toplevel", "__metadata"] }
  await debuggers.send("Tracing.start", { transferMode: "ReportEvents", traceConfig })
  try {
    await work()
  } finally {
    const complete = new Promise((resolve) => debuggers.once("Tracing.tracingComplete", resolve))
    await debuggers.send("Tracing.end")
    await complete
    await debuggers.detach()
  }
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}.${tid}`
  const isOurs = ({ args }: TraceEvent): boolean => (args?.data?.url ?? args?.fileName ?? "").startsWith(address)
  const tasks = events.filter(({ name, ph }) => ph === "X" && name === "ThreadControllerImpl::RunTask")
  const scripts = events.filter(({ name, ph }) => ph === "X" && scripted.includes(name))
  // A module's evaluation does not say whose it is; the main threads that ever run functions of ours are our pages'.
  const ours = new Set(scripts.filter((event) => event.name === "FunctionCall" && isOurs(event)).map(threadOf))
  const names = events.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain")
  const threads = new Set(names.map(threadOf).filter((thread) => ours.has(thread)))
  const tools = events.filter(
    ({ args }) => args?.chrome_mojo_event_info?.mojo_interface_tag === "blink.mojom.DevToolsSession",
  )
  const within = (event: TraceEvent, task: TraceEvent): boolean =>
    threadOf(event) === threadOf(task) && event.ts >= task.ts && event.ts + event.dur <= task.ts + task.dur
  return tasks
    .filter((task) => threads.has(threadOf(task)))
    .map((task): OwnTask => {
      const own = scripts.filter((event) => within(event, task))
      const outer = own.filter((event) =>
        own.every((other) => other === event || other.ts > event.ts || other.ts + other.dur < event.ts + event.dur),
      )
      const sum = outer.reduce((time, { tdur = 0 }) => time + tdur, 0)
      // What the test asks the browser for, such as a file chosen, is no work of the page but for its scripts.
      const whole = tools.some((event) => within(event, task)) ? sum : (task.tdur ?? 0)
      return { whole: whole / 1000, scripts: sum / 1000 }
    })
    .filter((task) => task.scripts > 0)
    .sort((a, b) => b.whole - a.whole)
}
