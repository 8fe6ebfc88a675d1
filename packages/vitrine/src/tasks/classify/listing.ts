/** What data consist of, as `dataListing` of `@vitrine/data/node` gives it. */
export interface Listing {
  readonly files: number
  readonly bytes: number
  readonly digest: string
}
