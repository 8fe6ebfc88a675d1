declare module "*.tex" {
  const formulas: Readonly<Record<string, string>>
  export default formulas
}

/** The script of a page that contains its model, as text. */
declare module "virtual:own-page" {
  const script: string
  export default script
}
