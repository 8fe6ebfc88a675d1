declare module "*.tex" {
  const formulas: Readonly<Record<string, string>>
  export default formulas
}

/** The script of pages with a model in them, as text. */
declare module "virtual:own-page" {
  const script: string
  export default script
}
