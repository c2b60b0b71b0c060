// A task switch, packed in one number: VMX's exit qualification (SDM 3C 28.2.1, table 28-3), and what core adds to it.

/** The selector of the new task's TSS, from the instruction, the gate, or the old TSS's back link. */
export const TASK_SELECTOR_MASK: u64 = 0xffff;
/** What asked for it: TASK_BY_*. */
export const TASK_SOURCE_SHIFT: u64 = 30;
export const TASK_SOURCE_MASK: u64 = 3;
export const TASK_BY_CALL: u64 = 0;
export const TASK_BY_IRET: u64 = 1;
export const TASK_BY_JMP: u64 = 2;
/** A task gate in the IDT. */
export const TASK_BY_INTERRUPT: u64 = 3;

// Core's, with TASK_BY_INTERRUPT. VMX leaves bits 29:16 and 63:32 undefined, so that core clears them first.
/** Hardware's interrupt or an exception, so that no instruction is skipped; VcpuPage.instructionLength is 0 then. */
export const TASK_IS_EXTERNAL: u64 = 1 << 28;
/** The exception has the error code in the bits from TASK_ERROR_CODE_SHIFT up. */
export const TASK_HAS_ERROR_CODE: u64 = 1 << 29;
export const TASK_ERROR_CODE_SHIFT: u64 = 32;

/**
 * In VcpuPage.faultVector with ANSWER_LOAD_STATE: nothing. Any other number there is the vector of an exception that the
 * new task meets before its first instruction: VECTOR_DEBUG for the T flag of its TSS (and DR6.BT is to be set), or what
 * its segments raised. In any case DR7's local enable bits are to be cleared.
 */
export const NO_EXCEPTION: u32 = 0xffffffff;
