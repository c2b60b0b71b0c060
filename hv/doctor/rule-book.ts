// The rules of one kind of VM entry, VMX's or SVM's, and the words in which they are told.

import { Rule } from "./rule";

export class RuleBook {
  constructor(
    readonly rules: Array<Rule>,
    /** What the rules are of: "VM entry". */
    readonly subject: string,
    /** The edition of the manual that sections are of. */
    readonly edition: string,
    /** What stands before the number of a section: "SDM 3C ". */
    readonly citation: string,
    /** By stage: what it is called, and what the processor does where a rule of it is violated. */
    readonly stageTitles: StaticArray<string>,
    /** Why the stages before the controls are not asked where nothing of the processor's state is known. */
    readonly notAsked: string,
  ) {}
}
