// The reference of all rules, by stage, with a search.
import { type Rule, STAGES } from "../doctor.ts";
import { STRUCTURES } from "../dump.ts";
import { citation, stageWords } from "../stages.ts";
import { element, found, jumpTo } from "./dom.ts";
import { counted, encodingText, inputView, slugLink } from "./values.ts";

interface Entry {
  readonly rule: Rule;
  readonly view: HTMLElement;
  /** What the search looks through, in lower case. */
  readonly text: string;
}

export class Reference {
  readonly #entries: readonly Entry[];
  readonly #stages: readonly HTMLElement[];
  readonly #search = found("search", HTMLInputElement);
  readonly #count = found("search-count", HTMLElement);

  constructor(rules: readonly Rule[]) {
    this.#entries = rules.map((rule) => ({ rule, view: ruleView(rule), text: searchText(rule) }));
    const stages = STRUCTURES.flatMap((structure) => STAGES.map((stage) => ({ structure, stage })));
    this.#stages = stages.flatMap(({ structure, stage }) => {
      const ofStage = this.#entries.filter(({ rule }) => rule.structure === structure && rule.stage === stage);
      if (ofStage.length === 0) return [];
      const { title, outcome } = stageWords({ structure, stage });
      const heading = element(
        "h3",
        { id: `rules-${structure}-${stage}` },
        structure === "vmcs" ? title : `VMRUN: ${title}`,
        element("span", { class: "outcome" }, ` ${outcome}`),
      );
      return [
        element(
          "section",
          { "aria-labelledby": heading.id, class: "stage" },
          heading,
          ...ofStage.map(({ view }) => view),
        ),
      ];
    });
    found("rule-list", HTMLElement).replaceChildren(...this.#stages);
    this.#search.addEventListener("input", () => this.#filter());
    this.#filter();
  }

  /** Shows the rule with the focus on it; false if no rule has the slug. */
  show(slug: string): boolean {
    const entry = this.#entries.find(({ rule }) => rule.slug === slug);
    if (!entry) return false;
    this.#search.value = "";
    this.#filter();
    for (const { view } of this.#entries) view.classList.toggle("current", view === entry.view);
    jumpTo(entry.view);
    return true;
  }

  /** Shows the rules that hold every word of the search. */
  #filter(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { view, text } of this.#entries) {
      view.hidden = !words.every((word) => text.includes(word));
      if (!view.hidden) shown++;
    }
    for (const stage of this.#stages) stage.hidden = !stage.querySelector("article:not([hidden])");
    const all = this.#entries.length;
    this.#count.textContent =
      words.length === 0
        ? counted(all, "rule")
        : `${shown} of ${counted(all, "rule")}${shown === 0 ? ": no rule has all of these words" : ""}`;
  }
}

function searchText(rule: Rule): string {
  const { slug, sentence, hint, inputs } = rule;
  const names = inputs.flatMap((input) => (input.kind === "field" ? [input.name, encodingText(input)] : [input.name]));
  return [slug, citation(rule), sentence, hint, stageWords(rule).title, ...names].join("\n").toLowerCase();
}

function ruleView(rule: Rule): HTMLElement {
  const heading = element(
    "h4",
    { id: `rule-${rule.slug}-title` },
    slugLink(rule),
    " ",
    element("span", { class: "section" }, citation(rule)),
  );
  return element(
    "article",
    { class: "card rule", id: `rule-${rule.slug}`, "aria-labelledby": heading.id, tabindex: "-1" },
    heading,
    element("p", {}, rule.sentence),
    rule.hint === "" ? null : element("p", { class: "hint" }, element("b", {}, "Hint: "), rule.hint),
    element(
      "p",
      { class: "context" },
      "Reads ",
      ...rule.inputs.flatMap((input, index) => [index > 0 ? ", " : "", inputView(input)]),
    ),
  );
}
