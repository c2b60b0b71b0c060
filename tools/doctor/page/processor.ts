// The choice of the processor: a shipped set, pasted values, or none.
import { CPUS, findCpu } from "../capabilities/cpus.ts";
import { readCapabilities } from "../capabilities/read-capabilities.ts";
import type { ChosenCapabilities } from "../examine.ts";
import { element, found } from "./dom.ts";

/** The option for pasted values. */
const PASTED = "*";

/** What is chosen, null for nothing, and what was seen in pasted values and not used. */
export interface Choice {
  readonly chosen: ChosenCapabilities | null;
  readonly notes: readonly string[];
}

export class Processor {
  readonly #select = found("cpu", HTMLSelectElement);
  readonly #text = found("capabilities", HTMLTextAreaElement);
  readonly #editor = found("capabilities-editor", HTMLElement);
  readonly #error = found("capabilities-error", HTMLElement);

  /** `changed` is called after each choice. */
  constructor(changed: () => void) {
    const options = CPUS.map(({ name, about }) => element("option", { value: name }, `${name}: ${about}`));
    this.#select.append(element("optgroup", { label: "Shipped, from the oldest" }, ...options));
    this.#select.addEventListener("change", () => {
      this.#show();
      if (this.#select.value === PASTED) this.#text.focus();
      else changed();
    });
    this.#text.addEventListener("change", changed);
    this.#text.addEventListener("input", (event) => {
      if (event instanceof InputEvent && event.inputType === "insertFromPaste") changed();
    });
  }

  /** The name of a shipped set, or "". */
  get cpu(): string {
    return this.#select.value === PASTED ? "" : this.#select.value;
  }

  /** Pasted values, or "". */
  get capabilities(): string {
    return this.#select.value === PASTED ? this.#text.value : "";
  }

  /** Sets the choice; a sentence says why it cannot be. */
  choose(cpu: string, capabilities: string): string | null {
    const set = cpu === "" ? null : findCpu(cpu);
    const isKnown = set !== null && typeof set !== "string";
    this.#select.value = isKnown ? set.name : capabilities === "" ? "" : PASTED;
    this.#text.value = capabilities;
    this.#show();
    return typeof set === "string" ? set : null;
  }

  /** The choice; a sentence where the pasted values cannot be read. */
  read(): Choice | { readonly reason: string } {
    this.#refuse("");
    if (this.cpu !== "") return { chosen: CPUS.find(({ name }) => name === this.cpu) ?? null, notes: [] };
    if (this.capabilities.trim() === "") return { chosen: null, notes: [] };
    const read = readCapabilities(this.capabilities);
    if (!("reason" in read)) {
      const values = new Map([...read.values].map(([name, { value }]) => [name, value]));
      const notes = read.notes.map(({ line, text }) => `Line ${line} of the processor’s values: ${text}`);
      return { chosen: { name: "the pasted values", values }, notes };
    }
    const reason = `Line ${read.line} of the processor’s values: ${read.reason}`;
    this.#refuse(reason);
    return { reason };
  }

  #refuse(reason: string): void {
    this.#error.textContent = reason;
    this.#text.setAttribute("aria-invalid", String(reason !== ""));
  }

  #show(): void {
    this.#editor.hidden = this.#select.value !== PASTED;
  }
}
