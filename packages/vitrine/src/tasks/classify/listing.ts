/** A summary of the files of a data set, from `dataListing` of `@vitrine/data/node`. */
export interface Listing {
  readonly files: number
  readonly bytes: number
  readonly digest: string
}
