// The I/O and the MSR permission map (APM 2 15.10.1 and 15.11): which accesses do not exit. All VMs have the same ones.

import { IA32_EFER } from "../../x86/msr";
import { EXITS_NONE, EXITS_READ, EXITS_WRITE, MSR_COLUMNS, MSR_POLICY } from "../cpu/msrs";
import { GuestMsrs } from "../cpu/guest-msrs";
import { BitmapPage } from "../memory/bitmap-page";
import { PAGE_BYTES, PagePool } from "../memory/page-pool";

/** 65536 bits, and three more for an access at the last port that is wider than it. */
const IO_PAGES: u32 = 3;
const MSR_PAGES: u32 = 2;
/** Two bits an MSR, the read's and the write's; the first page has MSRs 0 to 0x1fff, then 0xc0000000 to 0xc0001fff. */
const LOW_MSRS: u32 = 0x2000;
const HIGH_FIRST: u32 = 0xc0000000;
const HIGH_BITS: u32 = 2 * LOW_MSRS;

export class PermissionMaps {
  /** Host-physical addresses; 0 where the pool had too few pages. */
  readonly io: u64;
  readonly msrs: u64;
  private readonly page: usize;
  private isDone: bool = false;

  constructor(pool: PagePool) {
    const io = pool.allocateAdjacent(IO_PAGES);
    const msrs = pool.allocateAdjacent(MSR_PAGES);
    fill(io, IO_PAGES);
    fill(msrs, MSR_PAGES);
    this.io = io == 0 ? 0 : pool.physicalAddress(io);
    this.msrs = msrs == 0 ? 0 : pool.physicalAddress(msrs);
    this.page = msrs;
  }

  /** Lets pass what the policy lets pass of `msrs`. EFER has SVME, which no guest is to see, so that both accesses exit. */
  allow(msrs: GuestMsrs): void {
    if (this.isDone) return;
    this.isDone = true;
    const bitmap = new BitmapPage(this.page);
    for (let i: u32 = 0; i < <u32>MSR_POLICY.length; i += MSR_COLUMNS) {
      const exits = <u32>MSR_POLICY[i + 6];
      const last = <u32>MSR_POLICY[i + 1];
      if (!msrs.isThere(<u32>MSR_POLICY[i + 5])) continue;
      for (let msr = <u32>MSR_POLICY[i]; msr <= last; msr++) {
        if (msr == IA32_EFER) continue;
        const bit = msr < HIGH_FIRST ? 2 * msr : 2 * (msr - HIGH_FIRST) + HIGH_BITS;
        if (exits == EXITS_NONE || exits == EXITS_WRITE) bitmap.clear(bit);
        if (exits == EXITS_NONE || exits == EXITS_READ) bitmap.clear(bit + 1);
      }
    }
  }
}

/** All exits. */
function fill(first: usize, pages: u32): void {
  if (first == 0) return;
  for (let page: u32 = 0; page < pages; page++) new BitmapPage(first + page * PAGE_BYTES);
}
