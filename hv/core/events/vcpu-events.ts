// What waits to be delivered to one vCPU.

import {
  INTERRUPTION_HAS_ERROR_CODE,
  INTERRUPTION_TYPE_HARDWARE_EXCEPTION,
  INTERRUPTION_VALID,
  VECTOR_DOUBLE_FAULT,
} from "../../x86/exceptions";
import { INTERRUPT_TELLS, INTERRUPT_WAITS, NO_ERROR_CODE, VcpuPage } from "../../shared/vcpu-page";
import { combine, COMBINES_TO_DOUBLE_FAULT, COMBINES_TO_TRIPLE_FAULT } from "./combination";

const VECTOR_MASK: u32 = 0xff;

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

  constructor(private readonly shared: VcpuPage) {}

  /** As after power-on: nothing waits. */
  reset(): void {
    this.recognised = 0;
    this.hasNmi = false;
    this.lastDelivered = 0;
    this.shared.eventRequest = 0;
    this.shared.waitingInterrupt = 0;
    this.shared.acknowledgedInterrupt = 0;
  }

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

  /** An interrupt waits: the machine's interrupt controllers, which are the vmm's, say which. */
  get hasInterrupt(): bool {
    return (this.shared.waitingInterrupt & INTERRUPT_WAITS) != 0;
  }

  /** Takes its vector, which acknowledges it; `hasInterrupt` holds. The vmm may have to be told (INTERRUPT_TELLS). */
  takeInterrupt(): u32 {
    const shared = this.shared;
    const waiting = shared.waitingInterrupt;
    shared.waitingInterrupt = 0;
    shared.acknowledgedInterrupt = waiting;
    // It is asked for its alarms as soon as the guest has run, and with them for what waits now.
    if (waiting & INTERRUPT_TELLS) shared.wakeAt = 0;
    return waiting & VECTOR_MASK;
  }
}
