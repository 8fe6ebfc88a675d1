import type { Axis } from "../figures/matrix-props.ts"
import { strings } from "../strings/index.ts"

/** The name of a token: the class token, or a patch with its row and column. */
export function tokenName(token: number, grid: number): string {
  const { figure } = strings.value
  return token === 0 ? figure.classToken : figure.patch(token, grid)
}

/** An axis of all tokens, or from token 1 on of the patches. */
export function tokens(grid: number, first: 0 | 1 = 0): Axis {
  const { figure } = strings.value
  return {
    name: first === 0 ? figure.tokens : figure.patches,
    describe: (i) => tokenName(i + first, grid),
    firstToken: first,
  }
}

export function queries(grid: number): Axis {
  const { figure } = strings.value
  return { name: figure.queries, describe: (i) => figure.query(tokenName(i, grid)), firstToken: 0 }
}

export function keys(grid: number): Axis {
  const { figure } = strings.value
  return { name: figure.keysAxis, describe: (i) => figure.key(tokenName(i, grid)), firstToken: 0 }
}

export function dimensions(): Axis {
  const { figure } = strings.value
  return { name: figure.dimensions, describe: (i) => figure.dimension(i + 1) }
}

/** An axis with one row, or with one name for all rows. */
export const constantAxis = (name: string): Axis => ({ name, describe: () => name })

/** An axis of the pixels of a patch, row by row, with their channels. */
export function patchPixels(patch: number, channels: readonly string[]): Axis {
  const { figure } = strings.value
  return {
    name: figure.dimensions,
    describe: (i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3]
      const place = `${figure.row(Math.floor(pixel / patch) + 1)}, ${figure.column((pixel % patch) + 1)}`
      return `${place}, ${channels[channel]}`
    },
  }
}

export function lines(of: "row" | "column"): Axis {
  const { figure } = strings.value
  return { name: of === "row" ? figure.rows : figure.columns, describe: (i) => figure[of](i + 1) }
}
