// What waits to be delivered to one vCPU.

import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_VALID,
  VECTOR_DOUBLE_FAULT,
} from "../../x86/exceptions";
import { NO_ERROR_CODE } from "../../shared/vcpu-page";
import { combine, COMBINES_TO_DOUBLE_FAULT, COMBINES_TO_TRIPLE_FAULT } from "./combination";

const VECTORS: u32 = 256;

export class VcpuEvents {
  /**
   * The event that the next entry delivers before all else, in the form of hv/x86/exceptions.ts, or 0: an exception that was
   * raised, or an event whose delivery an exit interrupted.
   */
  recognised: u32 = 0;
  /** For `recognised` with INTERRUPTION_HAS_ERROR_CODE. */
  errorCode: u32 = 0;
  /** For `recognised` by an instruction: INT n, INT1, INT3 or INTO. */
  instructionLength: u32 = 0;
  hasNmi: bool = false;
  /** What was delivered last, in the same form; 0: nothing yet. */
  lastDelivered: u32 = 0;
  /** The interrupts that were asked for: a bit a vector, as in the IRR of a local APIC. */
  private readonly requested: StaticArray<u64> = new StaticArray<u64>(VECTORS / 64);

  /**
   * Raises exception `vector`, below 32, with `errorCode` or NO_ERROR_CODE. Where it arose while another event was delivered,
   * it may become a double fault. False where it is a triple fault: then the vCPU has shut down.
   */
  raise(vector: u32, errorCode: u32): bool {
    let raised = vector;
    let code = errorCode;
    if (this.recognised != 0) {
      const outcome = combine(this.recognised, vector);
      if (outcome == COMBINES_TO_TRIPLE_FAULT) return false;
      if (outcome == COMBINES_TO_DOUBLE_FAULT) {
        raised = VECTOR_DOUBLE_FAULT;
        code = 0;
      }
    }
    const event = INTERRUPTION_VALID | INTERRUPTION_TYPE_HARDWARE_EXCEPTION | raised;
    this.recognised = code == NO_ERROR_CODE ? event : event | INTERRUPTION_HAS_ERROR_CODE;
    this.errorCode = code;
    return true;
  }

  /** Asks for an external interrupt; a second one with the same vector is the same. `vector` is below 256. */
  requestInterrupt(vector: u32): void {
    this.requested[vector >> 6] |= (<u64>1) << (vector & 63);
  }

  get hasInterrupt(): bool {
    return (this.requested[0] | this.requested[1] | this.requested[2] | this.requested[3]) != 0;
  }

  /** Takes the interrupt with the highest vector, which is the highest priority; `hasInterrupt` holds. */
  takeInterrupt(): u32 {
    let word: u32 = 3;
    while (word > 0 && this.requested[word] == 0) word--;
    const bit = 63 - <u32>clz(this.requested[word]);
    this.requested[word] &= ~((<u64>1) << bit);
    return (word << 6) | bit;
  }
}
