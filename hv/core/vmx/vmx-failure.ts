// Says how a VMX instruction failed (SDM 3C 31.2): VMfailInvalid, or VMfailValid with its error number.

import { VM_INSTRUCTION_ERROR } from "../../x86/vmcs-fields";
import { vmInstructionErrorName } from "../../x86/vm-instruction-errors";
import { Console } from "../console/console";
import { VM_FAIL_VALID, vmread } from "../hardware";

/** Prints one error line for `instruction`, whose operand was `operand`, by its `outcome`. */
export function vmxFailure(console: Console, instruction: string, operand: u64, outcome: u32): void {
  console.error().text(instruction);
  if (operand != 0) console.text(" of ").hex(operand, 16);
  if (outcome == VM_FAIL_VALID) {
    const error = <u32>vmread(VM_INSTRUCTION_ERROR);
    console.text(" failed: VMfailValid, VM-instruction error ").decimal(error).text(": ");
    console.text(vmInstructionErrorName(error)).end();
  } else {
    console
      .text(" failed: VMfailInvalid: there is no current VMCS, or the operand is not a VMX region's address")
      .end();
  }
}
