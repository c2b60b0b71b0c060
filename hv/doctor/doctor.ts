// Judges a subject by all rules at once.

import { SLOTS } from "./inputs";
import { Rule, STAGE_ADVICE, STAGE_CONTROLS, STAGE_PREPARATION } from "./rule";
import { RuleBook } from "./rule-book";
import { Subject } from "./subject";
import { NO, Tri, UNKNOWN } from "./tri";

const MAXIMUM_RULES: i32 = 1024;

export class Doctor {
  readonly rules: Array<Rule>;
  readonly subject: Subject = new Subject();
  /** The outcome of each rule after `examine`: NO (violated), UNKNOWN (cannot be decided) or YES (holds). */
  readonly outcomes: StaticArray<u8> = new StaticArray<u8>(MAXIMUM_RULES);

  /** By slot, how many rules need an input that is missing: the report's working memory. */
  readonly needed: StaticArray<i32> = new StaticArray<i32>(SLOTS);
  /** The inputs that are missing, each once: the report's working memory too. */
  readonly lacking: StaticArray<u32> = new StaticArray<u32>(SLOTS);

  /** Allocates everything that the doctor ever needs. */
  constructor(readonly book: RuleBook) {
    assert(book.rules.length <= MAXIMUM_RULES, "more rules than MAXIMUM_RULES");
    this.rules = book.rules;
  }

  /** Judges the subject by every rule. Allocates nothing. */
  examine(): void {
    for (let i = 0; i < this.rules.length; i++) this.outcomes[i] = <u8>this.judge(i);
  }

  /** Judges by one rule; the subject then holds why: witnesses, missing inputs, doubts. */
  judge(index: i32): Tri {
    const rule = this.rules[index];
    this.subject.begin(rule.row);
    return rule.predicate(this.subject);
  }

  /** How many rules of the stage have the outcome. */
  count(stage: u32, outcome: Tri): i32 {
    let count = 0;
    for (let i = 0; i < this.rules.length; i++) {
      if (this.rules[i].stage == stage && this.outcomes[i] == <u8>outcome) count++;
    }
    return count;
  }

  /** Violated rules of VM entry; advice is none. */
  get violations(): i32 {
    let count = 0;
    for (let stage = STAGE_PREPARATION; stage < STAGE_ADVICE; stage++) count += this.count(stage, NO);
    return count;
  }

  /**
   * What comes before the controls is asked where something is known of it: most dumps tell nothing of the processor's
   * state, and at a VM entry the operands of VMXON, VMCLEAR and VMPTRLD are past.
   */
  isAsked(stage: u32): bool {
    if (stage >= STAGE_CONTROLS) return true;
    return stage == STAGE_PREPARATION ? this.subject.knowsOperand() : this.subject.knowsState();
  }

  /** Rules of VM entry that are asked and cannot be decided. */
  get undecided(): i32 {
    let count = 0;
    for (let stage = STAGE_PREPARATION; stage < STAGE_ADVICE; stage++) {
      if (this.isAsked(stage)) count += this.count(stage, UNKNOWN);
    }
    return count;
  }
}
