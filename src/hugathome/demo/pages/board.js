/** What the server tells of the clinic: the whole board, whenever it changes. It comes back by itself. */

/** Follow the board beside this page; call `show(board)` with each one, and `linked(isLive)` on changes. */
export function follow(show, linked) {
  const source = new EventSource("board");
  source.addEventListener("open", () => linked(true));
  source.addEventListener("error", () => linked(false));
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
}

/** Return the messages that arrived on the phone of a visit's patient, oldest first. */
export function messagesOf(board, visit) {
  return visit ? board.messages.filter((message) => message.to === visit.phone) : [];
}

/** Return what happened in a visit, oldest first. */
export function eventsOf(board, visit) {
  return visit ? board.events.filter((event) => event.visit === visit.id) : [];
}
