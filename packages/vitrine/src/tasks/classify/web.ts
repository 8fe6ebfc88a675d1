import type { PageTask } from "../task.ts"
import { exportFiles } from "./export.ts"
import { load, readModel } from "./web/load.ts"

/** Images and their classes. */
export const classify: PageTask = {
  load,
  async exportModel(location, { to, precision, ...overrides }) {
    return exportFiles(await readModel(location, overrides), { to, precision })
  },
}
