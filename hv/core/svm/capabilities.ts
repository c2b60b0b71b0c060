// What this processor's SVM has (APM 3, CPUID Fn8000_000A).

import {
  CPUID_LEAF_SVM,
  CPUID_SVM_EDX_DECODE_ASSISTS,
  CPUID_SVM_EDX_FLUSH_BY_ASID,
  CPUID_SVM_EDX_LBR_VIRTUALIZATION,
  CPUID_SVM_EDX_NESTED_PAGING,
  CPUID_SVM_EDX_NEXT_RIP,
  CPUID_SVM_EDX_VMCB_CLEAN,
} from "../../x86/cpuid";
import { Console } from "../console/console";
import { Cpuid } from "../cpu/cpuid";

export class SvmCapabilities {
  /** ASIDs, 0 among them, which is the host's. */
  readonly asids: u32;
  /** EDX of the leaf. */
  readonly features: u32;

  /** The processor has SVM. */
  constructor() {
    const cpuid = new Cpuid();
    cpuid.read(CPUID_LEAF_SVM, 0);
    this.asids = cpuid.ebx;
    this.features = cpuid.edx;
  }

  get hasNestedPaging(): bool {
    return (this.features & CPUID_SVM_EDX_NESTED_PAGING) != 0;
  }

  /** An exit tells where the next instruction is. */
  get hasNextRip(): bool {
    return (this.features & CPUID_SVM_EDX_NEXT_RIP) != 0;
  }

  /** An exit by an access to a control register tells the general-purpose register. */
  get hasDecodeAssists(): bool {
    return (this.features & CPUID_SVM_EDX_DECODE_ASSISTS) != 0;
  }

  get hasFlushByAsid(): bool {
    return (this.features & CPUID_SVM_EDX_FLUSH_BY_ASID) != 0;
  }

  /** The guest has a DBGCTL of its own. */
  get hasBranchRecords(): bool {
    return (this.features & CPUID_SVM_EDX_LBR_VIRTUALIZATION) != 0;
  }

  print(console: Console): void {
    const line = console.debug().text("SVM: ").decimal(this.asids).text(" ASIDs, features ").hex(this.features, 8);
    line.text(this.hasNextRip ? ", next RIP" : ", no next RIP");
    line.text(this.hasDecodeAssists ? ", decode assists" : ", no decode assists");
    line.text(this.features & CPUID_SVM_EDX_VMCB_CLEAN ? ", clean bits" : ", no clean bits").end();
  }
}
