/** Small tools to draw with: every text goes in as text. */

/** Return an element of a class, with a text in it. */
export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** Set a text only where it is another: what is announced is announced once. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Draw a list anew where `things` have changed, and leave the keyboard where it was. */
export function redraw(list, things, draw) {
  const key = JSON.stringify(things);
  if (list.dataset.drawn === key) return;
  list.dataset.drawn = key;
  const focused = Array.from(list.querySelectorAll("button")).indexOf(document.activeElement);
  list.textContent = "";
  for (const thing of things) {
    const item = element("li");
    item.append(draw(thing));
    list.append(item);
  }
  const again = list.querySelectorAll("button")[focused];
  if (again) again.focus();
}
