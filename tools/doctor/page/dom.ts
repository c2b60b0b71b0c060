// Makes and finds elements. Text goes in as text nodes only, so that no dump can bring markup.

export type Child = Node | string | null;

/** An element with attributes and children; null children are left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The element of index.html with that id, which must be of that class. */
export function found<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`found no ${type.name} #${id} in index.html; this is a bug in the page`);
}

/** Scrolls to an element and puts the focus there, so that keyboard and screen reader go on from it. */
export function jumpTo(target: HTMLElement): void {
  for (let above = target.parentElement; above; above = above.parentElement) {
    if (above instanceof HTMLDetailsElement) above.open = true;
  }
  if (!target.matches("a, button, input, select, textarea, summary, [tabindex]")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "center" });
}

/** A link to an element of the page; `main.ts` follows it without touching the address. */
export function jump(id: string, ...children: readonly Child[]): HTMLAnchorElement {
  return element("a", { href: `#${id}`, "data-jump": id }, ...children);
}

/** Text for screen readers only. */
export function spoken(text: string): HTMLElement {
  return element("span", { class: "visually-hidden" }, text);
}
