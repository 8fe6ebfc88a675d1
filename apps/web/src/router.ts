import { type Signal, signal } from "@preact/signals"

export const rooms = ["guide", "train", "inspect", "detect"] as const

export type Room = (typeof rooms)[number]

const base = import.meta.env.BASE_URL

/** The path of a room. */
export const addressOf = (room: Room): string => (room === "guide" ? base : `${base}${room}/`)

function roomOf(path: string): Room {
  const name = path.slice(base.length).split("/")[0]
  return rooms.find((room) => room === name) ?? "guide"
}

export const room: Signal<Room> = signal(roomOf(location.pathname))

addEventListener("popstate", () => {
  room.value = roomOf(location.pathname)
})

/** Shows a room without reloading the page, so that the worker keeps its models. */
export function go(to: Room): void {
  if (to === room.value) return
  history.pushState(null, "", addressOf(to))
  room.value = to
  scrollTo(0, 0)
}
