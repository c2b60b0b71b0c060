// Changes that make the valid guest one of another mode.
import { type Values } from "../support.ts";

/** Without "unrestricted guest". */
export const RESTRICTED: Values = { SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: 0x22n };

/** A 32-bit guest with paging and PAE. */
export const LEGACY: Values = {
  VM_ENTRY_CONTROLS: 0xc004n,
  GUEST_IA32_EFER: 0n,
  GUEST_CS_ACCESS_RIGHTS: 0xc09bn,
};

/** A guest in virtual-8086 mode; all its segment registers are 0x10 bytes into memory but for CS, at 0x80. */
export function virtual8086(): Values {
  const registers = ["ES", "CS", "SS", "DS", "FS", "GS"].flatMap((name): [string, bigint][] => [
    [`GUEST_${name}_ACCESS_RIGHTS`, 0xf3n],
    [`GUEST_${name}_LIMIT`, 0xffffn],
    [`GUEST_${name}_BASE`, name === "CS" ? 0x80n : 0x100n],
  ]);
  return { ...LEGACY, GUEST_RFLAGS: 0x2_0002n, ...Object.fromEntries(registers) };
}
