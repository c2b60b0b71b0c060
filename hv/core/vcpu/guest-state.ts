// The state in which a guest begins, as a value.

import { DR7_RESET, RFLAGS_ALWAYS_ONE } from "../../x86/control-registers";
import { PAT_RESET } from "../../x86/paging";
import { SEGMENTS } from "./state";

/** A guest's state; what is not set is 0, or as after a reset. start-states.ts and mirrored-state.ts fill it in. */
export class GuestState {
  readonly selectors: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  readonly bases: StaticArray<u64> = new StaticArray<u64>(SEGMENTS);
  readonly limits: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  /** In the form of hv/x86/segments.ts. */
  readonly accessRights: StaticArray<u32> = new StaticArray<u32>(SEGMENTS);
  gdtrBase: u64 = 0;
  gdtrLimit: u32 = 0;
  idtrBase: u64 = 0;
  idtrLimit: u32 = 0;
  /** CR0 and CR4 as the guest reads them. */
  cr0: u64 = 0;
  cr3: u64 = 0;
  cr4: u64 = 0;
  /** The guest is to change neither of them: each of its writes is Basalt's matter. */
  ownsNoControlRegister: bool = false;
  dr7: u64 = DR7_RESET;
  rip: u64 = 0;
  rsp: u64 = 0;
  rflags: u64 = RFLAGS_ALWAYS_ONE;
  sysenterCs: u64 = 0;
  sysenterEsp: u64 = 0;
  sysenterEip: u64 = 0;
  /** In force where the backend has them be the guest's own. */
  pat: u64 = PAT_RESET;
  efer: u64 = 0;

  /** Makes it what it was when it was new. */
  clear(): void {
    for (let i: u32 = 0; i < SEGMENTS; i++) {
      this.selectors[i] = 0;
      this.bases[i] = 0;
      this.limits[i] = 0;
      this.accessRights[i] = 0;
    }
    this.gdtrBase = 0;
    this.gdtrLimit = 0;
    this.idtrBase = 0;
    this.idtrLimit = 0;
    this.cr0 = 0;
    this.cr3 = 0;
    this.cr4 = 0;
    this.ownsNoControlRegister = false;
    this.dr7 = DR7_RESET;
    this.rip = 0;
    this.rsp = 0;
    this.rflags = RFLAGS_ALWAYS_ONE;
    this.sysenterCs = 0;
    this.sysenterEsp = 0;
    this.sysenterEip = 0;
    this.pat = PAT_RESET;
    this.efer = 0;
  }
}
