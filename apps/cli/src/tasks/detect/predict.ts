import { VitrineError } from "vitrine"
import type { PredictPart } from "../task.ts"

export const predictPart: PredictPart = {
  flags: {},
  async predict(path) {
    throw new VitrineError("config", `${path}: its model finds objects: use vitrine detect and eval`)
  },
}
