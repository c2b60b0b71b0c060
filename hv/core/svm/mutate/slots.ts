// What a mutation can change: the fields of the VMCB that VMRUN reads, and page-directory pointers in memory.

import { FIRST_VMCB_FIELD, STATE_MEMORY_PDPTE0 } from "../../../doctor/inputs";
import { VMCB_CLEAN, VMCB_EXITCODE, VMCB_EXITINTINFO, VMCB_GHCB, VMCB_NRIP, VMCB_VMSA } from "../../../x86/vmcb";
import { VMCB_FIELD_COUNT, VMCB_FIELD_OFFSETS, VMCB_FIELD_SIZES } from "../../../x86/vmcb-field-names";
import { Vmcb } from "../vmcb";

const POINTERS: u32 = 4;
const MAXIMUM_SLOTS: i32 = VMCB_FIELD_COUNT + <i32>POINTERS;

/** First fields, then pointers. A slot's name is the doctor's input. */
export class Slots {
  readonly names: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_SLOTS);
  /** In bits. */
  readonly widths: StaticArray<u32> = new StaticArray<u32>(MAXIMUM_SLOTS);
  count: i32 = 0;
  fields: i32 = 0;

  constructor() {
    for (let row = 0; row < VMCB_FIELD_COUNT; row++) {
      const offset = VMCB_FIELD_OFFSETS[row];
      if (isMutable(offset)) this.add(FIRST_VMCB_FIELD + offset, 8 * VMCB_FIELD_SIZES[row]);
    }
    this.fields = this.count;
    for (let n: u32 = 0; n < POINTERS; n++) this.add(STATE_MEMORY_PDPTE0 + n, 64);
  }

  private add(name: u32, width: u32): void {
    this.names[this.count] = name;
    this.widths[this.count] = width;
    this.count++;
  }

  /** The slot of an input, which is one of these. */
  of(name: u32): i32 {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.names[slot] == name) return slot;
    }
    assert(false, "a slot is asked for by the name of a field that VMRUN reads");
    return 0;
  }

  /** Has the VMCB, or the table of pointers in the page `pointers`, hold the value. */
  write(slot: i32, value: u64, vmcb: Vmcb, pointers: Vmcb): void {
    if (slot >= this.fields) {
      pointers.write64(8 * <u32>(slot - this.fields), value);
      return;
    }
    const offset = this.names[slot] - FIRST_VMCB_FIELD;
    const width = this.widths[slot];
    if (width == 8) vmcb.write8(offset, <u32>value);
    else if (width == 16) vmcb.write16(offset, <u32>value);
    else if (width == 32) vmcb.write32(offset, <u32>value);
    else vmcb.write64(offset, value);
  }
}

/** Not what exits write, what only encrypted guests have, and which fields the processor may take from before. */
function isMutable(offset: u32): bool {
  if (offset >= VMCB_EXITCODE && offset <= VMCB_EXITINTINFO) return false;
  if (offset >= VMCB_CLEAN && offset <= VMCB_NRIP + 8) return false;
  return offset != VMCB_GHCB && offset != VMCB_VMSA;
}
