/** All optimizers by their names. To add one, add a file beside this one and a line here. */
export { adam } from "./adam.ts"
export { adamw } from "./adamw.ts"
export { sgd } from "./sgd.ts"
