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
}
