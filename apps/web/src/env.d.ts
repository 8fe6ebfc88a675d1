declare module "*.tex" {
  const formulas: Readonly<Record<string, string>>
  export default formulas
}
