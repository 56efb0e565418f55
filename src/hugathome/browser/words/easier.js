/** How words are made easier: some are said otherwise, the rest is kept. */

/** Return `words`, with the `easy` ones instead where there are some. */
export function easier(words, easy) {
  const said = ([key, value]) => [key, typeof value === "string" ? value : easier(words[key], value)];
  return { ...words, ...Object.fromEntries(Object.entries(easy).map(said)) };
}
