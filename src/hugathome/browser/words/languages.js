/** The languages of the pages. A page loads the words of its own and no others: each is a module by itself. */
import { late } from "../transport/late.js";

/** The languages that there are. */
export const languages = ["fr", "de", "it", "rm", "en"];

/** Return the language that somebody of `language` is spoken to in: their own, or English. */
export function languageOf(language) {
  return languages.includes(language) ? language : "en";
}

/** Resolve to the words of a language, of English where it is none of ours; to easy ones where `isEasy`. */
export async function wordsOf(language, isEasy = false) {
  const { words } = await late(`words/${languageOf(language)}${isEasy ? "-easy" : ""}.js`);
  return words;
}

/** Resolve to what is said only to those who let people in; for them nothing is made easier. */
export async function deskWordsOf(language) {
  const { words } = await late(`words/${languageOf(language)}-desk.js`);
  return words;
}
