// Why exits cannot happen that no handler answers.

import {
  SVM_EXIT_CR_WRITE_TRAP,
  SVM_EXIT_DR_READ,
  SVM_EXIT_EXCEPTION,
  SVM_EXIT_INTR,
  SVM_EXIT_INVLPGB,
} from "../../x86/svm-exit-codes";

/** The reason for an exit code below those of nested paging, as a part of a sentence. */
export function whyImpossible(code: u32): string {
  if (code < SVM_EXIT_DR_READ)
    return "of the control registers only CR4 and CR8 are intercepted, and CR0 by CR0_SEL_WRITE";
  if (code < SVM_EXIT_EXCEPTION) return "no debug register is intercepted";
  if (code < SVM_EXIT_INTR) return "of the exceptions only #DB, #AC and #MC are intercepted";
  if (code >= SVM_EXIT_CR_WRITE_TRAP && code < SVM_EXIT_INVLPGB)
    return "traps of writes are for guests with encrypted state";
  return "nothing of the sort is intercepted";
}
