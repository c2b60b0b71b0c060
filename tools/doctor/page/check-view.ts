// The view that takes a dump, examines it, and shows the result beside it.
import type { Doctors } from "../doctor.ts";
import { type Dump, type DumpFormat, isUnreadable } from "../dump.ts";
import { type DumpExamination, examineAny } from "../examine.ts";
import { readDump } from "../readers/read-dump.ts";
import { copy, forgetCopy } from "./clipboard.ts";
import { element, found, jump } from "./dom.ts";
import { dumpView, unreadableView } from "./dump-view.ts";
import { EXAMPLES } from "./examples.ts";
import { notesOf, violatedByStage } from "./findings.ts";
import { fragmentOf, type Shared, sharedOf } from "./link.ts";
import { OwnEncodings, type ThroughEncodings, wrongEncodingsView } from "./own-encodings.ts";
import { type Choice, Processor } from "./processor.ts";
import { reportView } from "./report-view.ts";
import { counted } from "./values.ts";
import { verdictOf } from "./verdict.ts";

/** What stands before each verdict, so that its colour says nothing alone. */
const SIGNS = { violated: "✕", undecidable: "?", holds: "✓", unreadable: "!" } as const;

const FORMATS: Readonly<Record<DumpFormat, string>> = {
  kvm: "Linux KVM’s dump",
  xen: "Xen’s dump",
  basalt: "Basalt’s dump",
  listing: "a listing",
  json: "JSON",
};

export class CheckView {
  readonly #doctors: Doctors;
  readonly #say: (message: string) => void;
  readonly #processor = new Processor(() => this.#again());
  readonly #encodings = new OwnEncodings(() => this.#again());
  readonly #text = found("text", HTMLTextAreaElement);
  readonly #editor = found("editor", HTMLElement);
  readonly #listing = found("listing", HTMLElement);
  readonly #edit = found("edit", HTMLButtonElement);
  readonly #examine = found("examine", HTMLButtonElement);
  readonly #title = found("result-title", HTMLElement);
  readonly #verdict = found("verdict", HTMLElement);
  readonly #actions = found("actions", HTMLElement);
  readonly #report = found("report", HTMLElement);
  #reportText = "";
  /** The link whose content the view took up or gave out last. */
  #fragment = "";

  /** `say` shows a message above the view. */
  constructor(doctors: Doctors, say: (message: string) => void) {
    this.#doctors = doctors;
    this.#say = say;
    found("form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start();
    });
    this.#edit.addEventListener("click", () => this.#editAgain());
    this.#takePaste();
    this.#takeFiles();
    this.#offerExamples();
    found("rule-count", HTMLElement).textContent = counted(doctors.vmcs.rules.length, "rule");
    found("vmcb-rule-count", HTMLElement).textContent = `${doctors.vmcb.rules.length}`;
    found("copy-link", HTMLButtonElement).addEventListener("click", () => void this.#copyLink());
    found("copy-report", HTMLButtonElement).addEventListener("click", () => void copy(this.#reportText, "The report"));
  }

  /** Takes up a link's fragment; one that the view has from before leaves what was edited since. */
  async follow(fragment: string): Promise<void> {
    if (fragment === this.#fragment) return;
    const shared = await sharedOf(fragment);
    if ("reason" in shared) {
      this.#say(shared.reason);
      return;
    }
    this.#fragment = fragment;
    this.restore(shared);
  }

  /** Takes up a dump with what belongs to it, and examines it. */
  restore({ dump, cpu, capabilities, encodings }: Shared): void {
    this.#text.value = dump;
    this.#encodings.text = encodings;
    const refusal = this.#processor.choose(cpu, capabilities);
    this.#start();
    if (refusal !== null) this.#say(refusal);
  }

  /** Examines and takes the reader to the result. */
  #start(): void {
    this.#say("");
    this.#show();
    this.#title.focus({ preventScroll: true });
    this.#verdict.scrollIntoView({ block: "nearest" });
  }

  /** Examines again after another choice of processor; the focus stays. */
  #again(): void {
    if (this.#editor.hidden) this.#show();
  }

  #editAgain(): void {
    this.#toggle(true);
    this.#text.focus();
  }

  /** Either the editor, or the marked dump. */
  #toggle(isEditing: boolean): void {
    this.#editor.hidden = !isEditing;
    this.#examine.hidden = !isEditing;
    this.#listing.hidden = isEditing;
    this.#edit.hidden = isEditing;
  }

  #show(): void {
    const text = this.#text.value;
    this.#report.replaceChildren();
    this.#actions.hidden = true;
    found("about", HTMLElement).hidden = true;
    forgetCopy();
    const choice = this.#processor.read();
    const encodings = this.#encodings.read();
    const dump = readDump(text);
    if ("reason" in encodings) {
      this.#refuse(["Your encodings cannot be read"], encodings.reason);
      this.#toggle(true);
    } else if (isUnreadable(dump)) {
      this.#listing.replaceChildren(unreadableView(text, dump.line));
      this.#refuse([jump("unreadable", `Line ${dump.line}`), " of the dump cannot be read"], dump.reason);
      this.#report.replaceChildren(...wrongEncodingsView(encodings));
      this.#toggle(text.trim() === "");
    } else if ("reason" in choice) {
      this.#refuse(["The processor’s values cannot be read"], choice.reason);
      this.#toggle(true);
    } else {
      this.#showExamined(text, dump, choice, encodings);
    }
  }

  #showExamined(text: string, dump: Dump, choice: Choice, encodings: ThroughEncodings): void {
    const stored = encodings.store(dump);
    const examination = examineAny(this.#doctors, stored, choice.chosen);
    const notes = notesOf(stored, examination, [...choice.notes, ...encodings.notes]);
    const byStage = violatedByStage(examination);
    const verdict = verdictOf(examination, byStage, [
      `Read as ${FORMATS[dump.format]} of a ${dump.structure.toUpperCase()} with ${counted(dump.fields.size, "field")}`,
      ...(encodings.summary === "" ? [] : [`your ${encodings.summary}`]),
      `processor: ${processorText(choice, examination)}`,
    ]);
    this.#listing.replaceChildren(dumpView(text, stored, examination, [...byStage.values()].flat()));
    this.#verdict.replaceChildren(verdictView(verdict.outcome, [verdict.headline], verdict.more));
    this.#report.replaceChildren(...wrongEncodingsView(encodings), ...reportView(stored, examination, byStage, notes));
    this.#reportText = [
      `${verdict.headline}. ${verdict.more}`,
      ...encodings.wrong,
      ...notes.map(({ line, text }) => (line === null ? text : `Line ${line}: ${text}`)),
      "",
      examination.report,
    ].join("\n");
    this.#actions.hidden = false;
    this.#toggle(false);
  }

  #refuse(headline: (Node | string)[], reason: string): void {
    this.#verdict.replaceChildren(verdictView("unreadable", headline, reason));
  }

  /** A paste into the empty field is a whole dump. */
  #takePaste(): void {
    let wasEmpty = false;
    this.#text.addEventListener("paste", () => (wasEmpty = this.#text.value === ""));
    this.#text.addEventListener("input", (event) => {
      const isPaste = event instanceof InputEvent && event.inputType === "insertFromPaste";
      if (isPaste && wasEmpty && this.#text.value.includes("\n")) this.#start();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#start();
    });
  }

  #takeFiles(): void {
    const input = found("file", HTMLInputElement);
    input.addEventListener("change", () => {
      void this.#open(input.files?.[0]);
      input.value = "";
    });
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      void this.#open(event.dataTransfer.files[0]);
    });
  }

  async #open(file: File | undefined): Promise<void> {
    if (!file) return;
    try {
      this.#text.value = await file.text();
    } catch {
      this.#say(`Found no way to read ${file.name}, expected a text file: open it elsewhere and paste its text.`);
      return;
    }
    this.#start();
  }

  #offerExamples(): void {
    const buttons = EXAMPLES.map(({ title, cpu, dump, encodings }) => {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => this.restore({ dump, cpu, capabilities: "", encodings }));
      return button;
    });
    found("examples", HTMLElement).replaceChildren(...buttons);
  }

  async #copyLink(): Promise<void> {
    const { cpu, capabilities } = this.#processor;
    const fragment = await fragmentOf({
      dump: this.#text.value,
      cpu,
      capabilities,
      encodings: this.#encodings.text,
    });
    if (typeof fragment !== "string") {
      this.#say(fragment.reason);
      return;
    }
    const address = new URL(location.href);
    address.hash = fragment;
    this.#fragment = fragment;
    history.replaceState(null, "", address);
    await copy(address.href, "The link, which holds the dump and the choice of processor,");
  }
}

function processorText({ chosen }: Choice, { capabilitiesFrom }: DumpExamination): string {
  return { choice: chosen?.name ?? "", dump: "as the dump says", nowhere: "unknown" }[capabilitiesFrom];
}

function verdictView(outcome: keyof typeof SIGNS, headline: (Node | string)[], more: string): Node {
  const sign = element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[outcome]);
  const texts = element("div", {}, element("p", { class: "headline" }, ...headline), element("p", {}, more));
  return element("div", { class: `verdict ${outcome}` }, sign, texts);
}
