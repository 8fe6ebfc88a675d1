import type { JSX } from "preact"

/** A choice among named values. */
export function Select<T extends string | number>(props: {
  /** The name of the element if it has no visible label. */
  readonly label?: string
  readonly value: T
  readonly options: readonly { readonly value: T; readonly text: string; readonly lang?: string }[]
  readonly onChoose: (value: T) => void
}): JSX.Element {
  const { label, value, options, onChoose } = props
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => {
        const option = options[event.currentTarget.selectedIndex]
        if (option !== undefined) onChoose(option.value)
      }}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value} {...(option.lang !== undefined && { lang: option.lang })}>
          {option.text}
        </option>
      ))}
    </select>
  )
}
