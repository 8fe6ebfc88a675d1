/** What does not run op by op through tfjs, and why. */
export const plainSkips = {
  "storage dtypes": "tfjs has no 16-bit floats",
  "constants from a file": "tfjs copies weights to its device",
}
