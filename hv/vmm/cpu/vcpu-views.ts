// The vCPU page as the vmm's parts see it: the exit, the CPU's state, its segments and its registers.

import {
  CPU_STATE_OFFSET,
  CpuState,
  Registers,
  REGISTERS_OFFSET,
  SEGMENT_STATE_BYTES,
  SegmentState,
  SEGMENTS_OFFSET,
  VcpuPage,
} from "../../shared/vcpu-page";
import { SEGMENT_REGISTERS } from "../../x86/segments";

/** Views of one vCPU page: nothing is copied, so that they always show the exit at hand. */
export class VcpuViews {
  readonly page: VcpuPage;
  readonly cpu: CpuState;
  readonly registers: Registers;
  /** By hv/x86/segments.ts's SEGMENT_ES to SEGMENT_TR. */
  readonly segments: StaticArray<SegmentState>;

  /** `address` is that of the page in this module's memory. */
  constructor(address: u32) {
    this.page = changetype<VcpuPage>(<usize>address);
    this.cpu = changetype<CpuState>(<usize>(address + CPU_STATE_OFFSET));
    this.registers = changetype<Registers>(<usize>(address + REGISTERS_OFFSET));
    const segments = new StaticArray<SegmentState>(SEGMENT_REGISTERS);
    for (let i: u32 = 0; i < SEGMENT_REGISTERS; i++) {
      segments[i] = changetype<SegmentState>(<usize>(address + SEGMENTS_OFFSET + i * SEGMENT_STATE_BYTES));
    }
    this.segments = segments;
  }
}
