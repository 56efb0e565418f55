/** The messages of the newest visit, on a real phone. */
import { follow, messagesOf } from "./board.js";
import { Phone } from "./phone.js";

const phone = new Phone(document, { newWindow: false });

follow(
  (board) => {
    const visit = board.visits[board.visits.length - 1];
    const isNews = phone.show(messagesOf(board, visit), visit);
    if (isNews && navigator.vibrate) navigator.vibrate(200);
  },
  (isLive) => {
    document.body.dataset.link = isLive ? "live" : "reconnecting";
    document.querySelector("[data-lost]").hidden = isLive;
  },
);
