import type { TuningStore } from "../run/tune.ts"

const table = "tuning"

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result))
    request.addEventListener("error", () => reject(request.error))
  })
}

async function inTable<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open("vitrine-webgpu", 1)
  opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(table))
  const database = await settled(opening)
  try {
    return await settled(act(database.transaction(table, mode).objectStore(table)))
  } finally {
    database.close()
  }
}

/** Stores tilings for the pages of this origin. */
export const indexedDb: TuningStore = {
  read: (name) => inTable<string | undefined>("readonly", (store) => store.get(name)),
  write: async (name, text) => void (await inTable("readwrite", (store) => store.put(text, name))),
}
