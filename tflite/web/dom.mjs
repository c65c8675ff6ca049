/** Short words for what every part of the page does with its elements. */

/**
 * The element of an id, which index.html must hold.
 *
 * @param {string} id Its id.
 * @return {HTMLElement}
 */
export function at(id) {
  return document.getElementById(id);
}

/**
 * A new element.
 *
 * @param {string} tag Its tag.
 * @param {object} properties Its properties.
 * @param {...(Node|string)} content What it holds.
 * @return {HTMLElement}
 */
export function make(tag, properties = {}, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/**
 * A new element of a drawing.
 *
 * @param {string} tag Its tag.
 * @param {object} attributes Its attributes.
 * @param {...(Node|string)} content What it holds.
 * @return {SVGElement}
 */
export function shape(tag, attributes = {}, ...content) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/**
 * Says a text where it is not yet said: screen readers read what changes.
 *
 * @param {HTMLElement} element Where it is said.
 * @param {string} text What is said; nothing hides the element.
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/**
 * Milliseconds as a person reads them.
 *
 * @param {number} value Milliseconds.
 * @return {string} Three digits and the unit.
 */
export function milliseconds(value) {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ms`;
}
