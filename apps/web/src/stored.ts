/** What the reader chose on an earlier visit; null where there is nothing, or the browser keeps nothing, as in a foreign frame. */
export function storedValue(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

/** Stores a choice for the next visit, if the browser allows it. Null deletes the choice. */
export function storeValue(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name)
    else localStorage.setItem(name, value)
  } catch {
    // The choice holds until the page is closed.
  }
}
