/** The drawings of the pages: strokes on a 24 × 24 grid, in the colour of the text around them. */

const STROKES = {
  alert: "M12 4l9 16H3z M12 10v4.5 M12 17.2v.3",
  bell: "M6 17v-6a6 6 0 0 1 12 0v6l1.5 2h-15z M10 21.5h4",
  camera: "M4.5 6h9A1.5 1.5 0 0 1 15 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16.5v-9A1.5 1.5 0 0 1 4.5 6z M15 10.5l6-3.5v10l-6-3.5",
  check: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M12 7.5V12l3 2",
  copy: "M8 8h11v12H8z M5 16V4h11",
  end: "M3 13.5c5-5 13-5 18 0l-2.5 2.8-4-1.8v-2.9a10 10 0 0 0-5 0v2.9l-4 1.8z",
  flip: "M4 12a8 8 0 0 1 13.7-5.6L20 8.5 M20 4v4.5h-4.5 M20 12a8 8 0 0 1-13.7 5.6L4 15.5 M4 20v-4.5h4.5",
  leave: "M13 4h6v16h-6 M9 8l-4 4 4 4 M5 12h9",
  message: "M4 5h16v11H10l-4 4v-4H4z",
  microphone: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3z M6 11.5a6 6 0 0 0 12 0 M12 17.5V21",
  more: "M5 11.5v1 M12 11.5v1 M19 11.5v1",
  off: "M4 4l16 16",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20a6.5 6.5 0 0 1 13 0 M16 4.3a3.5 3.5 0 0 1 0 6.5 M18 14.2a6.5 6.5 0 0 1 3.5 5.8",
  phone: "M6 3h3.5L11 8 8.8 9.6a12 12 0 0 0 5.6 5.6L16 13l5 1.5V18a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  screen: "M3 5h18v11H3z M8 20h8 M12 16v4 M12 13V8 M9.5 10.5L12 8l2.5 2.5",
  send: "M4 12l16-8-5 16-3.5-6.5z",
  speaker: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z M15.5 9a4.5 4.5 0 0 1 0 6 M18 6.5a8 8 0 0 1 0 11",
};

/** Return the markup of one drawing; `extra` is drawn over it. It says nothing to a screen reader. */
export function icon(name, extra = "") {
  const path = extra ? `${STROKES[name]} ${STROKES[extra]}` : STROKES[name];
  return `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${path}"/></svg>`;
}
