// Control words of the valid VMCS with some bits more, by the names that the tests of the rules on controls use.
import type { Values } from "../support.ts";

const PIN = 0x69n;
const PRIMARY = 0x8000_0080n;
const SECONDARY = 0xa2n;
const ACTIVATE_TERTIARY = 1n << 17n;

/** The valid controls, in which the words named are ORed with the bits. Tertiary bits activate the tertiary controls. */
export function controls(bits: {
  readonly pin?: bigint;
  readonly primary?: bigint;
  readonly secondary?: bigint;
  readonly tertiary?: bigint;
}): Values {
  const { pin = 0n, primary = 0n, secondary = 0n, tertiary = 0n } = bits;
  return {
    PIN_BASED_VM_EXECUTION_CONTROLS: PIN | pin,
    PRIMARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: PRIMARY | primary | (tertiary === 0n ? 0n : ACTIVATE_TERTIARY),
    SECONDARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: SECONDARY | secondary,
    TERTIARY_PROCESSOR_BASED_VM_EXECUTION_CONTROLS: tertiary,
  };
}

/** The bit of that number. */
export function bit(number: number): bigint {
  return 1n << BigInt(number);
}
