// How things look: numbers, names, times. Every text reaches the page as text, never as markup: ids come from outside.

import { NAMES } from "../names.js"; // written by the server

const decimals = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const TWO = decimals(2);
const WHOLE = decimals(0);
const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const money = (value) => TWO.format(value);
export const whole = (value) => WHOLE.format(value);
export const short = (value) => SHORT.format(value).replace("-", "−");
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");
export const moment = (time) => new Date(time).toISOString().replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");

// A feature that the server has no name for keeps its own.
const names = new Map(Object.entries(NAMES));
export const featureName = (feature) => names.get(feature) ?? feature;

// An HTML element with attributes and children; strings become text nodes.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function shape(tag, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
