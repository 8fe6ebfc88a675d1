/** What no tfjs device does. */
export const skip: Readonly<Record<string, string>> = {
  "storage dtypes": "tfjs has no 16-bit floats",
  "constants from a file": "tfjs copies weights to its device; a package for all runtimes reads no files",
}
