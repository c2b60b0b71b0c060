// The author's own encodings: values of the dump are stored through them, as the author's VMWRITEs did.
import { type Dump, isUnreadable } from "../dump.ts";
import { judgeEncodings, readEncodings } from "../readers/encodings.ts";
import { storeThrough } from "../readers/store-through.ts";
import { element, found } from "./dom.ts";
import { counted } from "./values.ts";

/** What the encodings make of a dump. */
export interface ThroughEncodings {
  readonly store: (dump: Dump) => Dump;
  /** "83 encodings, 1 is wrong"; "" where none are given. */
  readonly summary: string;
  /** A sentence for each wrong encoding. */
  readonly wrong: readonly string[];
  readonly notes: readonly string[];
}

const NONE: ThroughEncodings = { store: (dump) => dump, summary: "", wrong: [], notes: [] };

export class OwnEncodings {
  readonly #details = found("encodings-editor", HTMLDetailsElement);
  readonly #text = found("encodings", HTMLTextAreaElement);
  readonly #error = found("encodings-error", HTMLElement);

  /** `changed` is called after each change. */
  constructor(changed: () => void) {
    this.#text.addEventListener("change", changed);
    this.#text.addEventListener("input", (event) => {
      if (event instanceof InputEvent && event.inputType === "insertFromPaste") changed();
    });
  }

  get text(): string {
    return this.#text.value.trim() === "" ? "" : this.#text.value;
  }

  set text(text: string) {
    this.#text.value = text;
    this.#details.open = text !== "";
  }

  /** What is given; a sentence where it cannot be read. */
  read(): ThroughEncodings | { readonly reason: string } {
    this.#refuse("");
    if (this.text === "") return NONE;
    const encodings = readEncodings(this.text);
    if (isUnreadable(encodings)) {
      const reason = `Line ${encodings.line} of your encodings: ${encodings.reason}`;
      this.#refuse(reason);
      return { reason };
    }
    const { wrong, notes } = judgeEncodings(encodings);
    const count = wrong.length === 0 ? "none is" : wrong.length === 1 ? "1 is" : `${wrong.length} are`;
    return {
      store: (dump) => storeThrough(dump, encodings),
      summary: `${counted(encodings.size, "encoding")}, ${count} wrong`,
      wrong: wrong.map(({ place, text }) => `Line ${place.line}: ${text}`),
      notes: notes.map(({ place, text }) => `${place === null ? "" : `Line ${place.line} of your encodings: `}${text}`),
    };
  }

  #refuse(reason: string): void {
    this.#error.textContent = reason;
    this.#text.setAttribute("aria-invalid", String(reason !== ""));
  }
}

/** The wrong encodings, before the rules: they are the cause of what follows. */
export function wrongEncodingsView({ summary, wrong }: ThroughEncodings): Node[] {
  if (wrong.length === 0) return [];
  const heading = element(
    "h3",
    { id: "wrong-encodings" },
    "Your encodings",
    element("span", { class: "outcome" }, summary),
  );
  const items = wrong.map((text) => element("li", {}, text));
  return [
    element(
      "section",
      { "aria-labelledby": heading.id, class: "stage" },
      heading,
      element("div", { class: "card violated" }, element("ul", { class: "plain" }, ...items)),
    ),
  ];
}
